//! Every way in which TLS can fail is told as such, and says what to look at.

use std::error::Error;

use provisioning_mqtt::{Tls, TlsVersion};
use provisioning_types::{ErrorKind, Host, Phase, TransportError};
use rcgen::date_time_ymd;
use rustls::SupportedProtocolVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::server::{BOTH_VERSIONS, Server, trusting};
use crate::support::{
    certificates::{self, Ca},
    device::{Device, HOST, endpoint, request},
    line::Line,
    peer::Peer,
    soon,
};

#[tokio::test(start_paused = true)]
async fn a_server_of_another_ca_is_refused() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = Device::on(Line {
            tls: Some(trusting(&Ca::root())),
            credential: server.ca.credential().into(),
            ..Line::default()
        });
        let error = refused_by_the_device(&server, &device).await;
        assert!(
            error.to_string().contains("signed by \"Root\", which is not trusted"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_below_the_minimum_is_refused() {
    let server = Server::new(BOTH_VERSIONS[0]);
    let device = Device::on(Line {
        tls: Some(server.trust().with_min_version(TlsVersion::V1_3)),
        credential: server.ca.credential().into(),
        ..Line::default()
    });
    refused_by_the_device(&server, &device).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_of_another_name_is_refused() {
    for version in BOTH_VERSIONS {
        let server = Server::named("other.test", version);
        let error = refused_by_the_device(&server, &server.device()).await;
        assert!(error.to_string().contains("is not for service.test"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_name_that_was_given_is_refused() {
    let server = Server::new(BOTH_VERSIONS[0]);
    let device = server.device();
    let endpoint = endpoint().with_server_name(Host::new("name.test").expect("a name"));
    let register = device.register_with(request().with_endpoint(endpoint));
    assert!(server.acceptor.accept(device.stream().await).await.is_err());
    let error = register.error().await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.to_string().contains("is not for name.test"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_outside_its_time_is_refused() {
    for version in BOTH_VERSIONS {
        let expired = Server::with(HOST, version, |params| params.not_after = date_time_ymd(2020, 1, 1));
        let too_early = Server::with(HOST, version, |params| params.not_before = date_time_ymd(4000, 1, 1));
        for server in [expired, too_early] {
            let error = refused_by_the_device(&server, &server.device()).await;
            assert!(error.to_string().contains("expired or is not valid yet"), "{error}");
            assert!(error.to_string().contains("clock"), "{error}");
        }
    }
}

/// How the device fails that does not accept the server.
async fn refused_by_the_device(server: &Server, device: &Device) -> TransportError {
    let register = device.register();
    let stream = device.stream().await;
    let accepted = soon("the end", server.acceptor.accept(stream)).await;
    assert!(accepted.is_err(), "the device says nothing to a server that it refuses");
    let error = register.error().await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Some(Phase::Connect)));
    assert!(error.source().is_some(), "the cause is lost");
    error
}

#[tokio::test(start_paused = true)]
async fn without_roots_of_ones_own_the_platforms_count() {
    let server = Server::new(BOTH_VERSIONS[0]);
    let device = Device::on(Line {
        tls: Some(Tls::new()),
        ..Line::default()
    });
    let register = device.register();
    let serving = async { server.acceptor.accept(device.stream().await).await.err() };
    let (error, _) = tokio::join!(register.error(), serving);
    assert_eq!(error.kind(), ErrorKind::Tls);
}

/// Under TLS 1.3 the device has sent CONNECT before it hears of it.
#[tokio::test(start_paused = true)]
async fn a_device_that_the_server_refuses_hears_of_its_certificate() {
    for version in BOTH_VERSIONS {
        let (server, stranger) = (Server::new(version), Ca::root());
        let device = Device::on(Line {
            tls: Some(server.trust()),
            credential: stranger.credential().into(),
            ..Line::default()
        });
        let register = device.register();
        let stream = device.stream().await;
        assert!(soon("the refusal", server.acceptor.accept(stream)).await.is_err());
        let error = register.error().await;
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Some(Phase::Connect)));
        assert!(
            error.to_string().contains("may not accept the device's certificate"),
            "{error}"
        );
        let alert = error.source().expect("the alert").to_string();
        assert!(alert.contains("UnknownCA") || alert.contains("DecryptError"), "{alert}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_the_server_refuses_for_a_missing_intermediate_hears_of_it_too() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = Device::on(Line {
            tls: Some(server.trust()),
            credential: server.ca.intermediate().credential().into(),
            ..Line::default()
        });
        let register = device.register();
        assert!(server.acceptor.accept(device.stream().await).await.is_err());
        assert_eq!(register.error().await.kind(), ErrorKind::Tls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_without_tls_is_told_as_such() {
    for (bytes, told) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "does not speak TLS"),
        (&[0x20, 2, 0, 1], "does not speak TLS"),
        (b"", "is this a TLS port?"),
    ] {
        let error = answer_to_hello(bytes).await;
        assert!(error.to_string().contains(told), "{error}");
    }
}

/// How the device fails when this, and then the end, is what answers.
async fn answer_to_hello(bytes: &[u8]) -> TransportError {
    let device = Device::on(Line {
        tls: Some(trusting(&Ca::root())),
        ..Line::default()
    });
    let register = device.register();
    let mut stream = device.stream().await;
    hello(&mut stream).await;
    stream.write_all(bytes).await.expect("the stream works");
    drop(stream);
    let error = register.error().await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Some(Phase::Connect)));
    error
}

async fn hello(stream: &mut DuplexStream) {
    let mut first = [0; 3];
    soon("ClientHello", stream.read_exact(&mut first))
        .await
        .expect("the stream works");
    assert_eq!(first[..2], [0x16, 3], "a TLS handshake record");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_hangs_is_cancelled_and_closed() {
    let device = Device::on(Line {
        tls: Some(trusting(&Ca::root())),
        credential: certificates::any_credential(),
        ..Line::default()
    });
    let register = device.register();
    let mut stream = device.stream().await;
    hello(&mut stream).await;
    device.cancel().await;
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    let mut rest = Vec::new();
    soon("the end", stream.read_to_end(&mut rest))
        .await
        .expect("the stream works");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_after_the_handshake_is_lost() {
    for version in BOTH_VERSIONS {
        for orderly in [false, true] {
            let error = ended(version, orderly).await;
            assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(Phase::Register)));
        }
    }
}

/// How a request fails when the server ends its session, with TLS's own farewell or without.
async fn ended(version: &'static SupportedProtocolVersion, orderly: bool) -> TransportError {
    let server = Server::new(version);
    let device = server.device();
    let register = device.register();
    let mut peer = Peer::new(server.accept(&device).await);
    peer.welcome().await;
    peer.request().await;
    if orderly {
        peer.shut_down().await;
    }
    drop(peer);
    register.error().await
}

//! Every way in which TLS can fail is told as such, and says what to look at.

use provisioning_net::{BoxedStream, Tls, TlsVersion, connection_error};
use provisioning_types::{ErrorKind, Host, Phase, TransportError};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use test_support::{
    settle, soon,
    tls::{BOTH_VERSIONS, Ca},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{
    device::Device,
    server::{Server, trusting},
};
use crate::support::{HOST, endpoint, exchange, words::message};

#[tokio::test(start_paused = true)]
async fn a_server_of_another_ca_is_refused() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = Device::new(trusting(&Ca::root()), server.ca.client_certificate());
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
    let tls = server.trust().with_min_version(TlsVersion::V1_3);
    let device = Device::new(tls, server.ca.client_certificate());
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
    let call = device.connect_to(endpoint);
    assert!(server.acceptor.accept(device.stream().await).await.is_err());
    let error = call.error().await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.to_string().contains("is not for name.test"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_outside_its_time_is_refused() {
    for version in BOTH_VERSIONS {
        let expired = Server::with(HOST, version, |params| params.not_after = date_time_ymd(1976, 1, 1));
        let too_early = Server::with(HOST, version, |params| params.not_before = date_time_ymd(4000, 1, 1));
        for (server, says, is_to_be_renewed) in [
            (expired, "the server's certificate has expired;", true),
            (too_early, "the server's certificate is not valid yet;", false),
        ] {
            let error = refused_by_the_device(&server, &server.device()).await;
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.to_string().contains("clock"), "{error}");
            assert_eq!(error.hint().contains("renewed"), is_to_be_renewed, "{}", error.hint());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_with_a_flawed_certificate_is_refused_with_the_flaw() {
    for version in BOTH_VERSIONS {
        let server = Server::with(HOST, version, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        let error = refused_by_the_device(&server, &server.device()).await;
        let flaw = "it is not a certificate for servers";
        let expected = format!("the server's certificate was not accepted: {flaw}");
        assert_eq!(error.to_string(), expected);
    }
}

/// How the device fails that does not accept the server.
async fn refused_by_the_device(server: &Server, device: &Device) -> TransportError {
    let call = device.connect();
    let stream = device.stream().await;
    let accepted = soon("the end", server.acceptor.accept(stream)).await;
    assert!(accepted.is_err(), "the device says nothing to a server that it refuses");
    let error = call.error().await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Some(Phase::Connect)));
    message(&error);
    error
}

#[tokio::test(start_paused = true)]
async fn the_platforms_roots_are_used_unless_others_are_given() {
    let server = Server::new(BOTH_VERSIONS[0]);
    let device = Device::new(Tls::new(), None);
    let call = device.connect();
    let serving = async { server.acceptor.accept(device.stream().await).await.err() };
    let (error, _) = tokio::join!(call.error(), serving);
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(
        error.to_string().contains("signed by \"Root\", which is not trusted"),
        "{error}"
    );
}

/// Under TLS 1.3 the handshake is completed on the device's side before it hears of it.
#[tokio::test(start_paused = true)]
async fn a_device_that_the_server_refuses_hears_of_its_certificate() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = Device::new(server.trust(), Ca::root().client_certificate());
        let error = refused_by_the_server(&server, &device).await;
        assert!(error.to_string().contains("the device's certificate"), "{error}");
        let message = error.to_string();
        assert!(
            message.contains("(TLS alert 48)") || message.contains("(TLS alert 51)"),
            "{error}"
        );
        assert!(error.hint().contains("its chain is complete"), "{}", error.hint());
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_the_server_refuses_for_a_missing_intermediate_hears_of_it_too() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = Device::new(server.trust(), server.ca.intermediate().client_certificate());
        refused_by_the_server(&server, &device).await;
    }
}

/// How the device fails that the server does not accept.
async fn refused_by_the_server(server: &Server, device: &Device) -> TransportError {
    let call = device.connect();
    let accepted = soon("the refusal", server.acceptor.accept(device.stream().await)).await;
    assert!(accepted.is_err());
    let error = match call.outcome().await {
        Ok(stream) => read_error(stream).await,
        Err(error) => {
            assert_eq!(error.phase(), Some(Phase::Connect));
            error
        }
    };
    assert_eq!(error.kind(), ErrorKind::Tls);
    error
}

/// The error of an established stream.
async fn read_error(mut stream: BoxedStream) -> TransportError {
    let read = soon("the end", stream.read_u8()).await;
    let error = read.expect_err("no byte");
    // A caller may show the error of the stream itself.
    message(&TransportError::new(ErrorKind::Lost, error.to_string()));
    let error = connection_error(error);
    message(&error);
    error
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_tls_is_named_with_what_it_answers() {
    let page = "HTTP/1.1 403 Forbidden\r\nServer: proxy\r\n\r\n<html><title>Access denied</title>";
    for (bytes, expected) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "answers HTTP: 400 \"Bad Request\"",
        ),
        (
            page.as_bytes(),
            "answers HTTP: 403 \"Access denied\" (server \"proxy\")",
        ),
        (&[0x20, 2, 0, 1, 0], "answers MQTT"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "answers \"SSH-2.0-OpenSSH_9.2\""),
    ] {
        let error = answer_to_hello(bytes).await;
        assert_eq!(message(&error), format!("the peer does not speak TLS: it {expected}"));
        assert!(error.hint().contains("8883 for MQTT"), "{error:?}");
    }
    let error = answer_to_hello(&[0; 5]).await;
    assert_eq!(message(&error), "the peer does not speak TLS");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_arrives_in_parts_is_waited_for_a_short_time() {
    for (rest, expected) in [
        ("<title>Sign in</title>", "200 \"Sign in\""),
        // It never comes.
        ("", "200 \"OK\""),
    ] {
        let device = Device::new(trusting(&Ca::root()), None);
        let call = device.connect();
        let mut stream = device.stream().await;
        hello(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
            .await
            .expect("the stream works");
        settle().await;
        stream.write_all(rest.as_bytes()).await.expect("the stream works");
        let error = call.error().await;
        let expected = format!("the peer does not speak TLS: it answers HTTP: {expected}");
        assert_eq!(message(&error), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_without_an_end_is_cut_off() {
    let device = Device::new(trusting(&Ca::root()), None);
    let call = device.connect();
    let mut stream = device.stream().await;
    hello(&mut stream).await;
    let page = format!("HTTP/1.1 200 OK\r\nServer: {}\r\n\r\n", "x".repeat(100_000));
    let sending = async { stream.write_all(page.as_bytes()).await };
    let (error, _) = tokio::join!(call.error(), sending);
    let message = message(&error);
    assert!(message.len() < 300, "{message}");
}

/// How the device fails when this, and then the end, is what answers.
async fn answer_to_hello(bytes: &[u8]) -> TransportError {
    let device = Device::new(trusting(&Ca::root()), None);
    let call = device.connect();
    let mut stream = device.stream().await;
    hello(&mut stream).await;
    stream.write_all(bytes).await.expect("the stream works");
    drop(stream);
    let error = call.error().await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Some(Phase::Connect)));
    message(&error);
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
    let ca = Ca::root();
    let device = Device::new(trusting(&ca), ca.client_certificate());
    let call = device.connect();
    let mut stream = device.stream().await;
    hello(&mut stream).await;
    call.cancel().await;
    let mut rest = Vec::new();
    soon("the end", stream.read_to_end(&mut rest))
        .await
        .expect("the stream works");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_after_the_handshake_is_lost() {
    for version in BOTH_VERSIONS {
        for orderly in [false, true] {
            let server = Server::new(version);
            let device = server.device();
            let call = device.connect();
            let mut accepted = server.accept(&device).await;
            let mut stream = call.success().await;
            exchange(&mut stream, &mut accepted).await;
            if orderly {
                accepted.shutdown().await.expect("the stream works");
            }
            drop(accepted);
            let error = read_error(stream).await;
            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
        }
    }
}

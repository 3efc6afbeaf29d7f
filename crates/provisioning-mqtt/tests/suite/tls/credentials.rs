//! The device's certificate, as the server sees it.

use provisioning_mqtt::Tls;
use provisioning_types::{Credential, Host, X509Credential};
use rcgen::KeyPair;
use rustls::{NamedGroup, server::Acceptor};
use tokio_rustls::LazyConfigAcceptor;

use super::server::{BOTH_VERSIONS, Server};
use crate::support::{
    bodies::ASSIGNING,
    certificates::Ca,
    device::{Device, endpoint, request},
    line::Line,
    peer::Peer,
};

/// A key's PKCS#8 form, and a form in which people have it.
const KEYS: [(&str, &str); 6] = [
    (P256, P256),
    (P256, include_str!("../../data/p256.sec1.pem")),
    (P384, P384),
    (P384, include_str!("../../data/p384.sec1.pem")),
    (RSA, RSA),
    (RSA, include_str!("../../data/rsa2048.pkcs1.pem")),
];
const P256: &str = include_str!("../../data/p256.pkcs8.pem");
const P384: &str = include_str!("../../data/p384.pkcs8.pem");
const RSA: &str = include_str!("../../data/rsa2048.pkcs8.pem");

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_001
#[tokio::test(start_paused = true)]
async fn the_server_gets_the_certificate_and_proof_of_its_key() {
    for version in BOTH_VERSIONS {
        for (pkcs8, pem) in KEYS {
            let server = Server::new(version);
            let certificate = server.ca.device(&KeyPair::from_pem(pkcs8).expect("a key"));
            let x509 = X509Credential::from_pem(certificate.pem().as_bytes(), pem.as_bytes()).expect("a credential");
            assert!(server.trust().check(&x509).is_ok());
            let device = device_of(&server, x509);
            let register = device.register();
            // A server that asks for a certificate has the device sign with its key.
            let stream = server.accept(&device).await;
            let (_, tls) = stream.get_ref();
            assert_eq!(tls.protocol_version(), Some(version.version));
            assert_eq!(tls.peer_certificates().expect("one"), [certificate.der().clone()]);
            answer(Peer::new(stream)).await;
            register.answer().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_gets_the_intermediates_too() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let intermediate = server.ca.intermediate();
        let key = KeyPair::from_pem(P256).expect("a key");
        let certificate = intermediate.device(&key);
        let chain = format!("{}{}", certificate.pem(), intermediate.certificate().pem());
        let x509 = X509Credential::from_pem(chain.as_bytes(), P256.as_bytes()).expect("a credential");
        let device = device_of(&server, x509);
        let register = device.register();
        let stream = server.accept(&device).await;
        let presented = stream.get_ref().1.peer_certificates().expect("two").to_vec();
        let expected = [certificate.der().clone(), intermediate.certificate().der().clone()];
        assert_eq!(presented, expected);
        answer(Peer::new(stream)).await;
        register.answer().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_over_tls_is_left_in_an_orderly_way() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = server.device();
        let register = device.register();
        let mut peer = answer(Peer::new(server.accept(&device).await)).await;
        register.answer().await;
        drop(device);
        // `close_notify` included: without it, reading would fail.
        peer.disconnected().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_name_that_was_given_is_what_the_server_has_to_bear() {
    for name in ["other.test", "127.0.0.1", "::1"] {
        for version in BOTH_VERSIONS {
            let server = Server::named(name, version);
            let device = server.device();
            let host = Host::new(name).expect("a host");
            let register = device.register_with(request().with_endpoint(endpoint().with_server_name(host)));
            answer(Peer::new(server.accept(&device).await)).await;
            register.answer().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_ip_address_is_a_name_as_well() {
    for (host, name) in [("127.0.0.1", "127.0.0.1"), ("[::1]:18883", "::1")] {
        let server = Server::named(name, BOTH_VERSIONS[1]);
        let device = server.device();
        let endpoint = host.parse().expect("an endpoint");
        let register = device.register_with(request().with_endpoint(endpoint));
        answer(Peer::new(server.accept(&device).await)).await;
        register.answer().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_roots_may_be_several() {
    let (one, other) = (Server::new(BOTH_VERSIONS[0]), Server::new(BOTH_VERSIONS[1]));
    let pem = format!(
        "# ours\n{}\n{}",
        one.ca.certificate().pem(),
        other.ca.certificate().pem()
    );
    for server in [one, other] {
        let tls = Tls::new().with_only_roots_pem(pem.as_bytes());
        let device = Device::on(Line {
            tls: Some(tls.expect("CA certificates")),
            credential: server.ca.credential().into(),
            ..Line::default()
        });
        let register = device.register();
        answer(Peer::new(server.accept(&device).await)).await;
        register.answer().await;
    }
}

#[tokio::test(start_paused = true)]
async fn extra_roots_are_added_to_the_platforms_or_to_the_only_ones() {
    let other = Ca::root().certificate().pem();
    for version in BOTH_VERSIONS {
        for only in [false, true] {
            let server = Server::new(version);
            let mut tls = Tls::new()
                .with_extra_roots_pem(server.ca.certificate().pem().as_bytes())
                .expect("a CA certificate");
            if only {
                tls = tls.with_only_roots_pem(other.as_bytes()).expect("a CA certificate");
            }
            let device = Device::on(Line {
                tls: Some(tls),
                credential: server.ca.credential().into(),
                ..Line::default()
            });
            let register = device.register();
            answer(Peer::new(server.accept(&device).await)).await;
            register.answer().await;
        }
    }
}

/// Each provider offers key exchange groups of its own: aws-lc-rs the post-quantum hybrid, ring only curves.
#[tokio::test(start_paused = true)]
async fn the_provider_is_the_one_that_this_build_came_with() {
    let server = Server::new(BOTH_VERSIONS[1]);
    let device = server.device();
    let register = device.register();
    let stream = device.stream().await;
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream)
        .await
        .expect("a ClientHello");
    let groups = start.client_hello().named_groups().expect("some").to_vec();
    let hybrid = groups.contains(&NamedGroup::X25519MLKEM768);
    assert_eq!(hybrid, cfg!(not(feature = "ring")), "{groups:?}");
    drop(start);
    assert!(register.outcome().await.is_err());
}

#[cfg(feature = "aws-lc-rs")]
#[tokio::test(start_paused = true)]
async fn the_provider_may_be_another() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let tls = Tls::with_provider(rustls::crypto::aws_lc_rs::default_provider());
        let pem = server.ca.certificate().pem();
        let device = Device::on(Line {
            tls: Some(tls.with_only_roots_pem(pem.as_bytes()).expect("a CA certificate")),
            credential: server.ca.credential().into(),
            ..Line::default()
        });
        let register = device.register();
        answer(Peer::new(server.accept(&device).await)).await;
        register.answer().await;
    }
}

fn device_of(server: &Server, x509: X509Credential) -> Device {
    Device::on(Line {
        tls: Some(server.trust()),
        credential: Credential::from(x509),
        ..Line::default()
    })
}

/// Accepts everything, and answers the one request.
async fn answer(mut peer: Peer) -> Peer {
    peer.welcome().await;
    let request = peer.request().await;
    peer.answer(&request, "202", ASSIGNING).await;
    peer
}

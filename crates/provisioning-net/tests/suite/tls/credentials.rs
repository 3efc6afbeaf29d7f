//! The device's certificate, as the server sees it.

use provisioning_net::Tls;
use provisioning_types::{ClientCertificate, Host, PrivateKey, Secret};
use rcgen::{Certificate, KeyPair};
use rustls::{NamedGroup, server::Acceptor};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use test_support::{
    soon,
    tls::{BOTH_VERSIONS, Ca},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;

use super::{device::Device, server::Server};
use crate::support::{endpoint, exchange, roots::Roots};

/// A key's PKCS#8 form, and a form in which people have it.
const KEYS: [(&str, &str); 11] = [
    (P256, P256),
    (P256, include_str!("../../data/p256.sec1.pem")),
    (P256, include_str!("../../data/p256.no-public.pkcs8.pem")),
    (P256, include_str!("../../data/p256.no-public.sec1.pem")),
    (P256, include_str!("../../data/p256.explicit.sec1.pem")),
    (P256, include_str!("../../data/p256.compressed.sec1.pem")),
    (P384, P384),
    (P384, include_str!("../../data/p384.sec1.pem")),
    (P384, include_str!("../../data/p384.explicit-compressed.pkcs8.pem")),
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
            let presented = client_certificate(&[&certificate], pem);
            assert!(server.trust().check(&presented).is_ok());
            let device = Device::new(server.trust(), presented);
            let call = device.connect();
            // A server that asks for a certificate has the device sign with its key.
            let mut stream = server.accept(&device).await;
            let (_, tls) = stream.get_ref();
            assert_eq!(tls.protocol_version(), Some(version.version));
            assert_eq!(tls.peer_certificates().expect("one"), [certificate.der().clone()]);
            exchange(&mut call.success().await, &mut stream).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_gets_the_intermediates_too() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let intermediate = server.ca.intermediate();
        let certificate = intermediate.device(&KeyPair::from_pem(P256).expect("a key"));
        let presented = client_certificate(&[&certificate, intermediate.certificate()], P256);
        let device = Device::new(server.trust(), presented);
        let call = device.connect();
        let mut stream = server.accept(&device).await;
        let presented = stream.get_ref().1.peer_certificates().expect("two").to_vec();
        let expected = [certificate.der().clone(), intermediate.certificate().der().clone()];
        assert_eq!(presented, expected);
        exchange(&mut call.success().await, &mut stream).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_tls_is_closed_in_an_orderly_way() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = server.device();
        let call = device.connect();
        let mut accepted = server.accept(&device).await;
        let mut stream = call.success().await;
        exchange(&mut stream, &mut accepted).await;
        stream.shutdown().await.expect("the stream works");
        drop(stream);
        // `close_notify` included: without it, reading would fail.
        let mut rest = vec![];
        let read = soon("the end", accepted.read_to_end(&mut rest)).await;
        assert_eq!(read.expect("an orderly end"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_name_that_was_given_is_what_the_server_has_to_bear() {
    for name in ["other.test", "127.0.0.1", "::1"] {
        for version in BOTH_VERSIONS {
            let server = Server::named(name, version);
            let device = server.device();
            let host = Host::new(name).expect("a host");
            let call = device.connect_to(endpoint().with_server_name(host));
            let mut stream = server.accept(&device).await;
            exchange(&mut call.success().await, &mut stream).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_ip_address_is_a_name_as_well() {
    for (host, name) in [("127.0.0.1", "127.0.0.1"), ("[::1]:18883", "::1")] {
        let server = Server::named(name, BOTH_VERSIONS[1]);
        let device = server.device();
        let call = device.connect_to(host.parse().expect("an endpoint"));
        let mut stream = server.accept(&device).await;
        exchange(&mut call.success().await, &mut stream).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_roots_may_be_several() {
    let (one, other) = (Server::new(BOTH_VERSIONS[0]), Server::new(BOTH_VERSIONS[1]));
    let roots = Roots::of(&[&one.ca, &other.ca]);
    for server in [one, other] {
        let tls = Tls::new().with_only_roots(roots.clone());
        accepts(&server, tls).await;
    }
}

#[tokio::test(start_paused = true)]
async fn extra_roots_are_added_to_the_platforms_or_to_the_only_ones() {
    let other = Ca::root();
    for version in BOTH_VERSIONS {
        for only in [false, true] {
            let server = Server::new(version);
            let mut tls = Tls::new()
                .with_extra_roots(Roots::of(&[&server.ca]))
                .with_extra_roots(Roots::of(&[&other]));
            if only {
                tls = tls.with_only_roots(Roots::of(&[&other]));
            }
            accepts(&server, tls).await;
        }
    }
}

/// Each provider offers key exchange groups of its own: aws-lc-rs the post-quantum hybrid, ring only curves.
#[tokio::test(start_paused = true)]
async fn the_provider_is_ring_unless_another_is_given() {
    let another = Tls::with_provider(rustls::crypto::aws_lc_rs::default_provider());
    for (tls, is_hybrid) in [(Tls::new(), false), (another, true)] {
        let device = Device::new(tls.with_only_roots(Roots::of(&[&Ca::root()])), None);
        let call = device.connect();
        let start = LazyConfigAcceptor::new(Acceptor::default(), device.stream().await)
            .await
            .expect("a ClientHello");
        let groups = start.client_hello().named_groups().expect("some").to_vec();
        let hybrid = groups.contains(&NamedGroup::X25519MLKEM768);
        assert_eq!(hybrid, is_hybrid, "{groups:?}");
        drop(start);
        assert!(call.outcome().await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn the_provider_may_be_another() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let tls = Tls::with_provider(rustls::crypto::aws_lc_rs::default_provider());
        accepts(&server, tls.with_only_roots(Roots::of(&[&server.ca]))).await;
    }
}

/// A device with these settings and the server accept each other.
async fn accepts(server: &Server, tls: Tls) {
    let device = Device::new(tls, server.ca.client_certificate());
    let call = device.connect();
    let mut stream = server.accept(&device).await;
    exchange(&mut call.success().await, &mut stream).await;
}

fn client_certificate(chain: &[&Certificate], key: &str) -> ClientCertificate {
    let chain = chain.iter().map(|certificate| certificate.der().to_vec()).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    ClientCertificate::new(chain, PrivateKey::Der(Secret::new(key.secret_der().to_vec())))
}

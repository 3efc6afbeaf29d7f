//! Several connections of one connector: what is used again, and what is not.

use provisioning_net::Tls;
use provisioning_types::ErrorKind;
use rustls::HandshakeKind;
use test_support::tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor};

use super::{device::Device, server::Server};
use crate::support::{HOST, exchange, roots::Roots};

#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_is_presented_from_the_next_connection_on() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let mut device = server.device();
        let certificates = [
            server.ca.client_certificate(),
            server.ca.client_certificate(),
            server.ca.client_certificate(),
        ];
        for certificate in certificates {
            device.renew(certificate.clone());
            // Once made new, and once from what is kept.
            for _ in 0..2 {
                let call = device.connect();
                let mut stream = server.accept(&device).await;
                let presented = stream.get_ref().1.peer_certificates().expect("one").to_vec();
                assert_eq!(presented[0].as_ref(), certificate.chain()[0]);
                exchange(&mut call.success().await, &mut stream).await;
            }
        }
    }
}

#[tokio::test]
async fn a_replaced_ca_is_trusted_from_the_next_connection_on_and_the_old_one_no_longer() {
    for version in BOTH_VERSIONS {
        for may_block in [false, true] {
            let (old, new) = (Ca::root(), Ca::root());
            let clients = ClientCertificates::Required(old.certificate().der());
            let server_of = |ca: &Ca| acceptor(ca.server(HOST, |_| {}), clients, &[version]);
            let (old_server, new_server) = (server_of(&old), server_of(&new));
            let mut roots = Roots::of(&[&old]);
            if may_block {
                roots = roots.that_may_block();
            }
            let device = Device::new(Tls::new().with_only_roots(roots.clone()), old.client_certificate());
            for (trusted, stranger) in [(&old_server, &new_server), (&new_server, &old_server)] {
                let call = device.connect();
                let mut stream = trusted.accept(device.stream().await).await.expect("accepted");
                exchange(&mut call.success().await, &mut stream).await;
                let call = device.connect();
                assert!(stranger.accept(device.stream().await).await.is_err());
                let error = call.error().await;
                assert_eq!(error.kind(), ErrorKind::Tls);
                assert!(error.to_string().contains("which is not trusted"), "{error}");
                roots.replace(&[&new]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_session_is_resumed() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let device = server.device();
        for _ in 0..3 {
            let call = device.connect();
            let mut stream = server.accept(&device).await;
            let kind = stream.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(HandshakeKind::Full));
            // The server's tickets arrive.
            exchange(&mut call.success().await, &mut stream).await;
        }
    }
}

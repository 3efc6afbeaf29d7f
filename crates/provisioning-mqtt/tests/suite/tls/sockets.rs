//! TLS over TCP, on real sockets.

use std::sync::Arc;

use provisioning_mqtt::{MqttOverStream, MqttTransport, Settings, Tls, TlsConnector};
use provisioning_types::{Credential, Endpoint, ErrorKind, Phase, PollingTransport, TransportError};
use tokio::net::TcpListener;

use super::server::{BOTH_VERSIONS, Server, trusting};
use crate::support::{
    bodies::ASSIGNING,
    certificates::{self, Ca},
    device::{Asked, request},
    peer::Peer,
    soon,
};

#[tokio::test]
async fn a_device_registers_at_an_ip_address() {
    for version in BOTH_VERSIONS {
        let server = Server::named("127.0.0.1", version);
        let (listener, endpoint) = listen().await;
        let transport = transport(endpoint, server.trust(), server.ca.credential().into());
        let serving = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            let mut peer = Peer::new(server.acceptor.accept(tcp).await.expect("the device is accepted"));
            peer.welcome().await;
            let request = peer.request().await;
            peer.acknowledge(&request).await;
            peer.answer(&request, "202", ASSIGNING).await;
            peer.left().await;
        };
        let request = request();
        let registering = async {
            let answer = Asked::Register.of(&transport, &request).await;
            transport.disconnect().await.expect("disconnected");
            answer
        };
        let (answer, ()) = soon("all of it", async { tokio::join!(registering, serving) }).await;
        assert_eq!(answer.expect("an answer").body, ASSIGNING.as_bytes());
    }
}

#[tokio::test]
async fn a_device_that_the_server_refuses_hears_of_its_certificate() {
    for version in BOTH_VERSIONS {
        let server = Server::named("127.0.0.1", version);
        let (listener, endpoint) = listen().await;
        let transport = transport(endpoint, server.trust(), Ca::root().credential().into());
        let serving = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            assert!(server.acceptor.accept(tcp).await.is_err());
        };
        let request = request();
        let registering = Asked::Register.of(&transport, &request);
        let (outcome, ()) = soon("all of it", async { tokio::join!(registering, serving) }).await;
        assert_eq!(outcome.expect_err("refused").kind(), ErrorKind::Tls);
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_not_reached() {
    let (listener, endpoint) = listen().await;
    drop(listener);
    let port = endpoint.port().expect("a port").to_string();
    let error = failure(endpoint).await;
    assert!(error.to_string().contains("127.0.0.1 was not reached"), "{error}");
    assert!(error.to_string().contains(&port), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_resolved() {
    let endpoint = "does-not-exist.invalid".parse().expect("a host");
    let error = failure(endpoint).await;
    assert!(
        error.to_string().contains("does-not-exist.invalid was not resolved"),
        "{error}"
    );
}

/// How the connection to this place fails.
async fn failure(endpoint: Endpoint) -> TransportError {
    let transport = transport(endpoint, trusting(&Ca::root()), certificates::any_credential());
    let outcome = soon("the failure", Asked::Register.of(&transport, &request())).await;
    let error = outcome.expect_err("it fails");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Some(Phase::Connect))
    );
    error
}

async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address.to_string().parse().expect("an endpoint"))
}

fn transport(endpoint: Endpoint, tls: Tls, credential: Credential) -> MqttTransport {
    let base = MqttOverStream::new(Arc::new(TlsConnector::new(tls)));
    MqttTransport::mqtt(Arc::new(base), endpoint, credential, Settings::default())
}

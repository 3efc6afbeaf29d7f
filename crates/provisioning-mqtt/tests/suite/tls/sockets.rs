//! TLS over TCP, on real sockets.

use std::sync::Arc;

use provisioning_mqtt::{MqttOverStream, MqttTransport, Scheme, ServiceUri, Settings, Tls, TlsConnector};
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
        let error = outcome.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(
            error.hint().contains("the device's certificate is enrolled"),
            "{}",
            error.hint()
        );
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

/// The probe's connector: what it saw of a server, and whether the stream works.
#[tokio::test]
async fn a_probe_keeps_what_each_step_showed() {
    for version in BOTH_VERSIONS {
        let server = Server::named("127.0.0.1", version);
        let (listener, endpoint) = listen().await;
        let uri = ServiceUri::new(Scheme::Mqtts, endpoint.clone());
        let credential = server.ca.credential();
        for trusted in [true, false] {
            let tls = if trusted { server.trust() } else { trusting(&Ca::root()) };
            let connector = TlsConnector::new(tls);
            let accepting = async {
                let (tcp, _) = listener.accept().await.expect("a connection");
                server.acceptor.accept(tcp).await
            };
            let probing = connector.probe(&uri, Some(&credential));
            let (mut probe, accepted) = soon("the probe", async { tokio::join!(probing, accepting) }).await;
            assert_eq!(probe.addresses(), [listener.local_addr().expect("an address")]);
            assert!(probe.is_reached());
            assert_eq!((probe.is_trusted(), probe.chain().len()), (Some(trusted), 1));
            assert_eq!(
                (probe.tls_version().is_some(), probe.error().is_none()),
                (trusted, trusted)
            );
            assert_eq!((probe.take_stream().is_some(), accepted.is_ok()), (trusted, trusted));
            assert!(probe.take_stream().is_none(), "it is taken once");
        }
    }
}

#[tokio::test]
async fn a_probe_ends_where_a_connection_would() {
    let connector = TlsConnector::new(trusting(&Ca::root()));
    let (listener, endpoint) = listen().await;
    drop(listener);
    let probe = connector.probe(&ServiceUri::new(Scheme::Mqtts, endpoint), None).await;
    assert_eq!(
        (probe.addresses().len(), probe.is_reached(), probe.is_trusted()),
        (1, false, None)
    );
    assert_eq!(probe.error().expect("not reached").kind(), ErrorKind::Connect);
    let unknown = "does-not-exist.invalid".parse().expect("a host");
    let probe = connector.probe(&ServiceUri::new(Scheme::Wss, unknown), None).await;
    assert!(probe.addresses().is_empty());
    assert!(
        probe
            .error()
            .expect("not resolved")
            .to_string()
            .contains("not resolved")
    );
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

//! TLS over TCP, on real sockets.

use provisioning_net::{Connector, Scheme, ServiceUri, Target, Tls, TlsConnector, connection_error};
use provisioning_types::{ClientCertificate, Endpoint, ErrorKind, Phase, Progress, TransportError};
use test_support::{
    listen, soon,
    tls::{BOTH_VERSIONS, Ca},
};
use tokio::io::AsyncReadExt;

use super::server::{Server, trusting};
use crate::support::{exchange, mqtts};

#[tokio::test]
async fn a_device_connects_to_an_ip_address() {
    for version in BOTH_VERSIONS {
        let server = Server::named("127.0.0.1", version);
        let (listener, endpoint) = listen().await;
        let certificate = server.ca.client_certificate();
        let accepting = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            server.acceptor.accept(tcp).await.expect("the device is accepted")
        };
        let connecting = connect(endpoint, server.trust(), Some(&certificate));
        let (stream, mut accepted) = soon("both ends", async { tokio::join!(connecting, accepting) }).await;
        exchange(&mut stream.expect("a connection"), &mut accepted).await;
    }
}

#[tokio::test]
async fn a_device_that_the_server_refuses_hears_of_its_certificate() {
    for version in BOTH_VERSIONS {
        let server = Server::named("127.0.0.1", version);
        let (listener, endpoint) = listen().await;
        let stranger = Ca::root().client_certificate();
        let serving = async {
            let (tcp, _) = listener.accept().await.expect("a connection");
            assert!(server.acceptor.accept(tcp).await.is_err());
        };
        let connecting = async {
            match connect(endpoint, server.trust(), Some(&stranger)).await {
                Ok(mut stream) => connection_error(stream.read_u8().await.expect_err("no byte")),
                Err(error) => error,
            }
        };
        let (error, ()) = soon("both ends", async { tokio::join!(connecting, serving) }).await;
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
    let (listener, endpoint) = listen::<Endpoint>().await;
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
    let outcome = soon("the failure", connect(endpoint, trusting(&Ca::root()), None)).await;
    let error = outcome.err().expect("it fails");
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
        let uri = mqtts(endpoint);
        let certificate = server.ca.client_certificate();
        let target = Target::new(&uri).with_certificate(Some(&certificate));
        for trusted in [true, false] {
            let tls = if trusted { server.trust() } else { trusting(&Ca::root()) };
            let connector = TlsConnector::new(tls);
            let accepting = async {
                let (tcp, _) = listener.accept().await.expect("a connection");
                server.acceptor.accept(tcp).await
            };
            let probing = connector.probe(&target);
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
    let probe = connector.probe(&Target::new(&mqtts(endpoint))).await;
    assert_eq!(
        (probe.addresses().len(), probe.is_reached(), probe.is_trusted()),
        (1, false, None)
    );
    assert_eq!(probe.error().expect("not reached").kind(), ErrorKind::Connect);
    let unknown = "does-not-exist.invalid".parse().expect("a host");
    let unknown = ServiceUri::new(Scheme::Wss, unknown);
    let probe = connector.probe(&Target::new(&unknown)).await;
    assert!(probe.addresses().is_empty());
    assert!(
        probe
            .error()
            .expect("not resolved")
            .to_string()
            .contains("not resolved")
    );
}

async fn connect(
    endpoint: Endpoint,
    tls: Tls,
    certificate: Option<&ClientCertificate>,
) -> Result<provisioning_net::BoxedStream, TransportError> {
    let uri = mqtts(endpoint);
    let target = Target::new(&uri).with_certificate(certificate);
    TlsConnector::new(tls).connect(&target, Progress::ignored()).await
}

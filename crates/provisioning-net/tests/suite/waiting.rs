//! Connectors report what they wait for, before they wait.

use std::{future::ready, sync::Arc};

use provisioning_net::{Connector, Proxy, Scheme, ServiceUri, Target, TcpConnector, TlsConnector, WebSocketConnector};
use provisioning_types::{ClientCertificate, Endpoint, PrivateKey, Progress, WaitStep, Waiting};
use tokio::{io::AsyncWriteExt, time::timeout};

use test_support::{
    Waits, in_memory, listen,
    signers::ExternalKey,
    soon,
    tls::{Ca, new_key},
};

use crate::{silence::SilentPort, support::roots::Roots};

fn tls() -> provisioning_net::Tls {
    provisioning_net::Tls::new().with_only_roots(Roots::of(&[&Ca::root()]))
}

/// What `connector` waits for at this address until it succeeds, fails, or hangs.
async fn waits(connector: &impl Connector, address: &str) -> Vec<Waiting> {
    waits_with(connector, address, None).await
}

/// The same, with a client certificate.
async fn waits_with(
    connector: &impl Connector,
    address: &str,
    certificate: Option<&ClientCertificate>,
) -> Vec<Waiting> {
    let uri = ServiceUri::new(connector.scheme(), address.parse().expect("an endpoint"));
    let waits = Waits::default();
    let listener = |event| waits.note(event);
    let target = Target::new(&uri).with_certificate(certificate);
    let connecting = connector.connect(&target, Progress::new(&listener));
    // Only a paused clock reaches the limit.
    let _ = timeout(std::time::Duration::from_secs(60), connecting).await;
    waits.new_ones()
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_is_waited_for_above_the_stream() {
    let (inner, incoming) = in_memory();
    let silent = TlsConnector::over(inner, tls());
    let expected = [Waiting::new(WaitStep::Tls, "service.test:8883")];
    assert_eq!(waits(&silent, "service.test").await, expected);
    drop(incoming);
}

#[tokio::test(start_paused = true)]
async fn a_turn_with_an_external_key_is_waited_for_before_the_connection() {
    let (inner, incoming) = in_memory();
    drop(incoming);
    let unreachable = TlsConnector::over(inner, tls());
    let key = new_key();
    let chain = vec![Ca::root().device(&key).der().to_vec()];
    let signer = ExternalKey(|| ready(Ok(())), key);
    let certificate = ClientCertificate::new(chain, PrivateKey::External(Arc::new(signer)));
    let expected = [Waiting::new(WaitStep::Credential, "this device")];
    assert_eq!(
        waits_with(&unreachable, "service.test", Some(&certificate)).await,
        expected
    );
}

#[tokio::test(start_paused = true)]
async fn a_websocket_handshake_is_waited_for_above_the_stream() {
    let (inner, _incoming) = in_memory();
    let silent = WebSocketConnector::new(inner);
    assert_eq!(silent.scheme(), Scheme::Wss);
    let expected = [Waiting::new(WaitStep::WebSocket, "service.test:443")];
    assert_eq!(waits(&silent, "service.test").await, expected);
}

#[tokio::test(start_paused = true)]
async fn an_address_needs_no_resolution() {
    let port = SilentPort::new().address.to_string();
    let expected = [Waiting::new(WaitStep::Tcp, port.clone())];
    assert_eq!(waits(&TcpConnector::new(), &port).await, expected);
}

#[tokio::test]
async fn a_name_is_resolved_first() {
    let (_listener, endpoint) = listen::<Endpoint>().await;
    let address = format!("localhost:{}", endpoint.port().expect("a port"));
    let expected = [
        Waiting::new(WaitStep::Resolve, "localhost"),
        Waiting::new(WaitStep::Tcp, address.clone()),
    ];
    assert_eq!(waits(&TcpConnector::new(), &address).await, expected);
}

#[tokio::test]
async fn a_proxy_is_reached_first_and_then_asked_and_shows_no_credentials() {
    let (listener, _) = listen::<Endpoint>().await;
    let address = listener.local_addr().expect("an address");
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("written");
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    });
    let proxy: Proxy = format!("http://user:s3cret@{address}").parse().expect("a proxy");
    let expected = [
        Waiting::new(WaitStep::Tcp, address.to_string()),
        Waiting::new(WaitStep::Proxy, format!("http://{address}")),
    ];
    let connector = TcpConnector::new().with_proxy(proxy);
    assert_eq!(waits(&connector, "service.test").await, expected);
    soon("the end of the proxy", answering).await.expect("no panic");
}

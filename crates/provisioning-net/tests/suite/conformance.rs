//! Our connectors keep the contract of `Connector`.

use std::net;

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use provisioning_net::{
    BoxedStream, Connector, FallbackConnector, Proxy, Scheme, ServiceUri, TcpConnector, TlsConnector,
    WebSocketConnector,
    conformance::{self, Accepted, Service, Setup},
};
use test_support::{
    Incoming,
    tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::TcpListener,
    select,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use crate::{
    support::{HOST, endpoint, mqtts},
    tls::server::trusting,
    websocket::accept,
};

#[tokio::test(start_paused = true)]
async fn a_connector_without_a_handshake_keeps_the_contract() {
    conformance::all(|| {
        let (connector, service) = in_memory();
        Setup::new(connector, mqtts(endpoint()), service)
    })
    .await;
}

#[tokio::test]
async fn tcp_keeps_the_contract() {
    conformance::all(|| {
        let (service, uri) = Tcp::listen();
        Setup::new(TcpConnector::new(), uri, service)
    })
    .await;
}

#[tokio::test]
async fn tcp_through_a_proxy_keeps_the_contract() {
    conformance::all(|| {
        let (listener, proxy) = Tcp::listen();
        let proxy = format!("http://{}:{}", proxy.host(), proxy.port());
        let connector = TcpConnector::new().with_proxy(proxy.parse::<Proxy>().expect("a proxy"));
        Setup::new(connector, mqtts(endpoint()), BehindProxy(listener))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn tls_keeps_the_contract() {
    let ca = Ca::root();
    conformance::all(|| {
        let (connector, service) = in_memory();
        tls_over(&ca, connector, service, mqtts(endpoint()))
    })
    .await;
}

#[tokio::test]
async fn tls_over_tcp_keeps_the_contract() {
    let ca = Ca::root();
    conformance::all(|| {
        let (service, uri) = Tcp::listen();
        tls_over(&ca, TcpConnector::new(), service, uri)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_websocket_keeps_the_contract() {
    conformance::all(|| {
        let (connector, service) = in_memory();
        Setup::new(WebSocketConnector::new(connector), wss(), OverWebSocket(service)).with_messages()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_websocket_over_tls_keeps_the_contract() {
    let ca = Ca::root();
    conformance::all(|| {
        let (connector, service) = in_memory();
        let connector = WebSocketConnector::new(TlsConnector::over(connector, trusting(&ca)));
        let service = OverWebSocket(OverTls::new(&ca, HOST, service));
        let setup = Setup::new(connector, wss(), service).with_messages();
        setup.with_certificate(ca.client_certificate())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fallback_whose_first_port_is_blocked_keeps_the_contract() {
    conformance::all(|| {
        let ((blocked, _), (connector, service)) = (in_memory(), in_memory());
        let connector = FallbackConnector::new(blocked, WebSocketConnector::new(connector));
        let uri = mqtts(endpoint());
        let attempts = [uri.to_string(), wss().to_string()];
        let setup = Setup::new(connector, uri, OverWebSocket(service)).with_messages();
        setup.with_attempts(attempts)
    })
    .await;
}

fn wss() -> ServiceUri {
    ServiceUri::new(Scheme::Wss, endpoint())
}

fn in_memory() -> (impl Connector + Clone + 'static, InMemory) {
    let (connector, incoming) = test_support::in_memory();
    (connector, InMemory(incoming))
}

fn tls_over(ca: &Ca, connector: impl Connector + 'static, service: impl Service + 'static, uri: ServiceUri) -> Setup {
    let service = OverTls::new(ca, &uri.host().to_string(), service);
    let connector = TlsConnector::over(connector, trusting(ca));
    Setup::new(connector, uri, service).with_certificate(ca.client_certificate())
}

struct InMemory(Incoming);

#[async_trait]
impl Service for InMemory {
    async fn connection(&mut self) -> BoxedStream {
        Box::new(self.0.next().await)
    }
}

struct Tcp(TcpListener);

impl Tcp {
    fn listen() -> (Self, ServiceUri) {
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a socket");
        let address = listener.local_addr().expect("an address").to_string();
        (Self(listener), mqtts(address.parse().expect("an endpoint")))
    }
}

#[async_trait]
impl Service for Tcp {
    async fn connection(&mut self) -> BoxedStream {
        Box::new(self.0.accept().await.expect("a connection").0)
    }
}

struct BehindProxy(Tcp);

#[async_trait]
impl Service for BehindProxy {
    async fn connection(&mut self) -> BoxedStream {
        self.0.connection().await
    }

    async fn accept(&mut self, mut connection: BoxedStream) -> Accepted {
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.expect("a request"));
        }
        let established = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        established.expect("the device reads");
        Accepted::new(connection)
    }
}

/// Accepts devices without a certificate too.
struct OverTls<S>(TlsAcceptor, S);

impl<S> OverTls<S> {
    fn new(ca: &Ca, name: &str, below: S) -> Self {
        let clients = ClientCertificates::Optional(ca.certificate().der());
        Self(acceptor(ca.server(name, |_| {}), clients, &BOTH_VERSIONS), below)
    }
}

#[async_trait]
impl<S: Service> Service for OverTls<S> {
    async fn connection(&mut self) -> BoxedStream {
        self.1.connection().await
    }

    async fn accept(&mut self, connection: BoxedStream) -> Accepted {
        let stream = self.0.accept(connection).await.expect("the device is accepted");
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates.map(|chain| chain[0].to_vec());
        Accepted {
            stream: Box::new(stream),
            certificate,
        }
    }
}

struct OverWebSocket<S>(S);

#[async_trait]
impl<S: Service> Service for OverWebSocket<S> {
    async fn connection(&mut self) -> BoxedStream {
        self.0.connection().await
    }

    async fn accept(&mut self, connection: BoxedStream) -> Accepted {
        let Accepted { stream, certificate } = self.0.accept(connection).await;
        let (websocket, ..) = accept(stream).await;
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(serve(websocket, far));
        Accepted {
            stream: Box::new(near),
            certificate,
        }
    }
}

/// Passes bytes on, each write in a message, until either end is closed.
async fn serve(mut websocket: WebSocketStream<BoxedStream>, mut service: DuplexStream) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let passed_on = select! {
            message = websocket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => service.write_all(&bytes).await.is_ok(),
                _ => false,
            },
            read = service.read(&mut buffer) => match read {
                Ok(length @ 1..) => websocket.send(Message::binary(buffer[..length].to_vec())).await.is_ok(),
                _ => {
                    let _ = websocket.close(None).await;
                    false
                }
            },
        };
        if !passed_on {
            break;
        }
    }
}

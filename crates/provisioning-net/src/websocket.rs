//! A WebSocket over the byte stream of another connector.

use async_trait::async_trait;
use provisioning_types::{ErrorKind, Phase, Progress, ServiceError, TransportError, WaitStep};
use provisioning_websocket::{Handshake, HandshakeError, connect};

use crate::{
    connection_error::connection_error_with,
    connector::{BoxedStream, Connector},
    peer::{Expected, FirstBytes, Peer},
    peer_address::PeerAddress,
    target::Target,
    unanswered::Unanswered,
    uri::Scheme,
};

/// A WebSocket with the sub-protocol `mqtt` over another connector's stream, usually TLS.
#[derive(Debug, Clone)]
pub struct WebSocketConnector<C> {
    inner: C,
}

impl<C: Connector> WebSocketConnector<C> {
    /// A WebSocket over the streams of `inner`.
    pub fn new(inner: C) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl<C: Connector> Connector for WebSocketConnector<C> {
    fn scheme(&self) -> Scheme {
        Scheme::Wss
    }

    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let peer = PeerAddress::new(target.uri());
        let listener = |event| {
            peer.note(&event);
            progress.report(event);
        };
        let stream = self.inner.connect(target, Progress::new(&listener)).await?;
        let (first_bytes, stream) = FirstBytes::of(stream, Expected::WebSocket);
        // A port that is the scheme's own is left out, as in a URI.
        let uri = target.uri();
        let host = match uri.port() {
            443 => uri.server_name().to_string(),
            port => format!("{}:{port}", uri.server_name()),
        };
        let handshake = Handshake::new(&host, uri.path())
            .with_subprotocol("mqtt")
            .with_max_message_size(target.max_message_size());
        progress.waiting_for(WaitStep::WebSocket, peer.get());
        match connect(stream, &handshake).await {
            Ok(stream) => {
                first_bytes.forget();
                Ok(Box::new(stream))
            }
            Err(error) => Err(peer.explain(failed(error, &first_bytes.get())).in_phase(Phase::Connect)),
        }
    }
}

const IN_BETWEEN_HINT: &str = "the answer is not the service's, which is JSON: a gateway, a proxy or a captive portal in \
                               between may have refused the WebSocket; check the host, the path and the proxy";
/// What ends a connection instead of answering the handshake, other than a refused credential.
const NETWORK_HINT: &str = "the port (443 for WebSocket, 8883 for MQTT), and whether a firewall or proxy on the way ends \
                            WebSockets";
const CUT_OFF_HINT: &str = "check the port (443 for WebSocket, 8883 for MQTT), and whether a firewall or proxy on the way \
                            ends WebSockets; if the device's certificate was presented, check that it is enrolled and not \
                            expired";

/// The error of a failed handshake in which the peer sent these bytes first.
fn failed(error: HandshakeError, first_bytes: &[u8]) -> TransportError {
    let peer = Peer::of(first_bytes);
    match (error, peer) {
        (ref error @ HandshakeError::Refused { status, ref body, .. }, ref peer) => {
            let kind = match status {
                401 | 403 => ErrorKind::Unauthorized,
                404 => ErrorKind::NotFound,
                500.. => ErrorKind::Service,
                _ => ErrorKind::Refused,
            };
            let service = ServiceError::from_body(status, body);
            // Only the service sends such JSON.
            if service.error_code().is_some() || service.tracking_id().is_some() {
                return TransportError::new(kind, "the WebSocket was refused").with_source(service);
            }
            match peer {
                Some(Peer::Http(answer)) => {
                    let message = format!("the WebSocket was refused by a peer that answers HTTP: {answer}");
                    TransportError::new(kind, message).with_hint(IN_BETWEEN_HINT)
                }
                _ => TransportError::new(kind, "the WebSocket was refused").with_source(error.to_string()),
            }
        }
        // A TLS failure means the same in the handshake as later.
        (HandshakeError::Io(error), _) => {
            let message = "the connection ended during the WebSocket handshake";
            match connection_error_with(message, error) {
                lost if lost.kind() != ErrorKind::Lost => lost,
                lost if first_bytes.is_empty() => Unanswered::error(message, NETWORK_HINT, &lost),
                lost => lost.with_hint(CUT_OFF_HINT),
            }
        }
        (HandshakeError::Protocol(_), Some(peer)) if !first_bytes.starts_with(b"HTTP/1.1 101") => {
            let message = format!("the peer does not speak WebSocket: it {}", peer.message());
            TransportError::new(ErrorKind::UnexpectedResponse, message).with_hint(peer.hint(Expected::WebSocket))
        }
        (other, _) => {
            TransportError::new(ErrorKind::UnexpectedResponse, "the WebSocket handshake failed").with_source(other)
        }
    }
}

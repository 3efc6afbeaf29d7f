//! What a request waits for, so that a limit which ends the wait can name it.

use std::fmt;

/// A step of a request that depends on someone else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitStep {
    /// The addresses of the host name.
    Resolve,
    /// A TCP connection.
    Tcp,
    /// A proxy's connection to the service.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The WebSocket handshake.
    WebSocket,
    /// The acknowledgement of MQTT's CONNECT.
    Connack,
    /// The acknowledgement of MQTT's SUBSCRIBE.
    Suback,
    /// The response to the request.
    Response,
}

impl WaitStep {
    /// Whether the service has not been reached yet. A limit that ends such a wait is a failure to
    /// [connect](crate::ErrorKind::Connect); later ones are [timeouts](crate::ErrorKind::Timeout).
    pub fn is_before_tcp(self) -> bool {
        matches!(self, Self::Resolve | Self::Tcp | Self::Proxy)
    }
}

/// A step, and the peer that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Waiting {
    /// The step.
    pub step: WaitStep,
    /// The peer: a host, `host:port`, or a proxy's address without its credentials.
    pub peer: String,
}

impl Waiting {
    /// Waits at `step` for `peer`.
    pub fn new(step: WaitStep, peer: impl Into<String>) -> Self {
        let peer = peer.into();
        Self { step, peer }
    }
}

/// What is missing, such as `CONNACK from localhost:8883`.
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, peer } = self;
        match step {
            WaitStep::Resolve => write!(f, "an address of {peer}"),
            WaitStep::Tcp => write!(f, "a TCP connection to {peer}"),
            WaitStep::Proxy => write!(f, "a connection through the proxy {peer}"),
            WaitStep::Tls => write!(f, "the TLS handshake of {peer}"),
            WaitStep::WebSocket => write!(f, "the WebSocket handshake of {peer}"),
            WaitStep::Connack => write!(f, "CONNACK from {peer}"),
            WaitStep::Suback => write!(f, "SUBACK from {peer}"),
            WaitStep::Response => write!(f, "a response from {peer}"),
        }
    }
}

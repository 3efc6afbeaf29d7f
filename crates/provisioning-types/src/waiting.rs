//! What a request waits for, so that a limit which ends the wait can name it.

use std::fmt;

use crate::error_kind::ErrorKind;

/// A step of a request that depends on someone else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitStep {
    /// The device's credential, or a signature with its key.
    Credential,
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
    /// The response to a request, or MQTT's acknowledgement of it: nothing shows yet that the request arrived.
    Delivery,
    /// The response to a request that arrived.
    Response,
}

impl WaitStep {
    /// Whether the service has not been reached yet.
    pub fn is_before_tcp(self) -> bool {
        matches!(self, Self::Credential | Self::Resolve | Self::Tcp | Self::Proxy)
    }

    /// What the failure is when a limit ends the wait: one to [connect](ErrorKind::Connect) while the service is being
    /// reached, and otherwise a [timeout](ErrorKind::Timeout), also while the device's own key is waited for.
    pub fn limit_kind(self) -> ErrorKind {
        match self {
            Self::Resolve | Self::Tcp | Self::Proxy => ErrorKind::Connect,
            _ => ErrorKind::Timeout,
        }
    }
}

/// A step, and the peer that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Waiting {
    /// The step.
    pub step: WaitStep,
    /// The peer: a host, `host:port`, a proxy's address without its credentials, or the device itself.
    pub peer: String,
}

impl Waiting {
    /// Waits at `step` for `peer`.
    pub fn new(step: WaitStep, peer: impl Into<String>) -> Self {
        let peer = peer.into();
        Self { step, peer }
    }
}

/// What is missing, such as `CONNACK from localhost:8883`: it fits after "no".
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, peer } = self;
        match step {
            WaitStep::Credential => write!(f, "signature or credential of {peer}"),
            WaitStep::Resolve => write!(f, "address of {peer}"),
            WaitStep::Tcp => write!(f, "TCP connection to {peer}"),
            WaitStep::Proxy => write!(f, "connection through the proxy {peer}"),
            WaitStep::Tls => write!(f, "TLS handshake with {peer}"),
            WaitStep::WebSocket => write!(f, "WebSocket handshake with {peer}"),
            WaitStep::Connack => write!(f, "CONNACK from {peer}"),
            WaitStep::Suback => write!(f, "SUBACK from {peer}"),
            WaitStep::Delivery => write!(f, "PUBACK or response from {peer}"),
            WaitStep::Response => write!(f, "response from {peer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_names_the_step_and_the_peer() {
        let shown = |step| Waiting::new(step, "h:1").to_string();
        let credential = Waiting::new(WaitStep::Credential, "this device");
        assert_eq!(credential.to_string(), "signature or credential of this device");
        assert_eq!(shown(WaitStep::Resolve), "address of h:1");
        assert_eq!(shown(WaitStep::Tcp), "TCP connection to h:1");
        assert_eq!(shown(WaitStep::Proxy), "connection through the proxy h:1");
        assert_eq!(shown(WaitStep::Tls), "TLS handshake with h:1");
        assert_eq!(shown(WaitStep::WebSocket), "WebSocket handshake with h:1");
        assert_eq!(shown(WaitStep::Connack), "CONNACK from h:1");
        assert_eq!(shown(WaitStep::Suback), "SUBACK from h:1");
        assert_eq!(shown(WaitStep::Delivery), "PUBACK or response from h:1");
        assert_eq!(shown(WaitStep::Response), "response from h:1");
    }
}

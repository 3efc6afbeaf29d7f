//! What a request waits for, so that a limit which ends the wait can name it.

use std::{fmt, sync::Arc};

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

    /// What to check first, in one sentence, when the wait ends without an answer. [`Waiting::hint`] knows the
    /// port too.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Credential => {
                "check that what holds the device's key or credential answers (the key device, the key service, the \
                 files), and whether other registrations keep it busy"
            }
            Self::Resolve => "check the host name, and whether this machine has a DNS server that knows it",
            Self::Tcp => ErrorKind::Connect.hint(),
            Self::Proxy => "check the proxy's address, and that it may connect to the host and port of the service",
            Self::Tls => {
                "the host accepts connections but does not answer: check that nothing in between (a firewall, a proxy, \
                 a VPN whose MTU is too large) holds TLS back"
            }
            Self::WebSocket => {
                "TLS stands but the WebSocket handshake is not answered: check that nothing in between holds \
                 WebSockets back"
            }
            Self::Connack | Self::Suback => {
                "the connection stands but MQTT is not answered: check that nothing in between inspects or delays it, \
                 and the MTU if there is a VPN"
            }
            Self::Delivery => {
                "the connection is dead without a sign, as when a NAT or a firewall has forgotten it: allow a recovery \
                 (`--recover`), which connects again"
            }
            Self::Response => {
                "the service has the request and does not respond: allow one more recovery (`--recover`), or register \
                 again later"
            }
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
    pub peer: Arc<str>,
}

impl Waiting {
    /// Waits at `step` for `peer`.
    pub fn new(step: WaitStep, peer: impl Into<Arc<str>>) -> Self {
        let peer = peer.into();
        Self { step, peer }
    }

    /// What to check first, in one sentence, when the wait ends without an answer.
    pub fn hint(&self) -> &'static str {
        match self.step {
            WaitStep::Tcp if self.peer.ends_with(":8883") => {
                "check the host name, and whether a firewall blocks port 8883: open it, fall back to a WebSocket on \
                 port 443 (`dps --fallback`, `FallbackConnector`), or use a proxy"
            }
            step => step.hint(),
        }
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

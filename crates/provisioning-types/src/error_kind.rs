//! What kind of failure an error is, and at which step: the vocabulary that every layer shares.

use std::fmt;

/// What kind of failure it is: one word for programs, with a hint for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An input cannot be used; found before any connection.
    Input,
    /// A registration is in progress already; the first one is untouched.
    InvalidOperation,
    /// This machine failed: the device's key or credential is not available, the clock is not set, no CA certificates
    /// are installed, or the system has no further thread or socket.
    Local,
    /// No TCP connection has stood: the name was not resolved, the host was not reached in time, or a proxy did not
    /// connect to it.
    Connect,
    /// TLS failed: one of the two sides rejected the other, or the peer does not speak TLS.
    Tls,
    /// The service refused for a reason that no other kind names.
    Refused,
    /// The credential does not match the enrollment, or is expired or disabled.
    Unauthorized,
    /// No such id scope, enrollment or operation.
    NotFound,
    /// In conflict with the enrollment's state.
    Conflict,
    /// The service found the request malformed.
    BadRequest,
    /// The service kept asking to wait until the limit was reached.
    Throttled,
    /// The service failed, or kept failing until the limit was reached.
    Service,
    /// The service ended the registration as failed.
    Failed,
    /// The enrollment is disabled.
    Disabled,
    /// The service sent what no rule covers.
    UnexpectedResponse,
    /// A limit was reached without an answer that ends the registration. Before a TCP connection stands, that is
    /// [`Connect`](Self::Connect).
    Timeout,
    /// Cancelled by the caller.
    Cancelled,
    /// The connection ended or was reset after TCP had connected: during a handshake, or later.
    Lost,
}

impl ErrorKind {
    /// The kind as programs read it, such as `unexpected-response`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::InvalidOperation => "invalid-operation",
            Self::Local => "local",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::BadRequest => "bad-request",
            Self::Throttled => "throttled",
            Self::Service => "service",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
            Self::UnexpectedResponse => "unexpected-response",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    /// The kind of an answer with this HTTP-like status, from 300 on.
    pub fn of_status(status: u16) -> Self {
        match status {
            400 | 405 | 415 => Self::BadRequest,
            401 | 403 => Self::Unauthorized,
            404 => Self::NotFound,
            409 | 412 => Self::Conflict,
            429 => Self::Throttled,
            430.. => Self::Service,
            _ => Self::Refused,
        }
    }

    /// Whether the same request may usually succeed later without anything being changed. An error knows it better than
    /// its kind: ask [`TransportError::is_retryable`](crate::TransportError::is_retryable) where there is one.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::InvalidOperation
                | Self::Local
                | Self::Connect
                | Self::Throttled
                | Self::Service
                | Self::Timeout
                | Self::Lost
        )
    }

    /// What to look at first, in one sentence.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Input => "correct the input; nothing was sent",
            Self::InvalidOperation => "wait for the registration in progress, or cancel it",
            Self::Local => {
                "check that the device's key can be reached (the key device, or the key service), this machine's clock, and its limits of threads and open files"
            }
            Self::Connect => {
                "check the host name, the network, the proxy if there is one, and whether a firewall blocks the port (8883 for MQTT, 443 for WebSocket)"
            }
            Self::Tls => {
                "check that the server's CA is trusted, that nothing inspects TLS on the way, and that the service knows the device's CA"
            }
            Self::Refused => "the service does not take this request; its message says why",
            Self::Unauthorized => {
                "check the network rules of the service instance (public access, IP filter, private endpoint), the id scope, that the enrollment is enabled, that the credential is the enrolled one and not expired, and this device's clock"
            }
            Self::NotFound => "check the id scope, and that the device or its group is enrolled",
            Self::Conflict => "the enrollment's state does not allow it; look at the enrollment",
            Self::BadRequest => "check the payload, the registration id and the api-version",
            Self::Throttled => "register again later, not before the time that the service named",
            Self::Service => "register again later; if it persists, look at the service's health",
            Self::Failed => "look at the enrollment's allocation: hubs, policy, webhook",
            Self::Disabled => "enable the enrollment",
            Self::UnexpectedResponse => "check that the host is a provisioning service; the message shows what arrived",
            Self::Timeout => "check the network: the message names the step that got no answer in time",
            Self::Cancelled => "the caller cancelled; register again when ready",
            Self::Lost => "check the network; the service also ends a connection when the same device connects twice",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The step of a registration at which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reaching the service: name, TCP, TLS, WebSocket, MQTT CONNECT.
    Connect,
    /// Subscribing to the answers.
    Subscribe,
    /// The registration request.
    Register,
    /// Waiting to ask again.
    Wait,
    /// The query of the operation's status.
    Poll,
    /// Leaving.
    Disconnect,
}

impl Phase {
    /// The phase as programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Subscribe => "subscribe",
            Self::Register => "register",
            Self::Wait => "wait",
            Self::Poll => "poll",
            Self::Disconnect => "disconnect",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_this_machine_may_pass_and_its_hint_is_about_the_key() {
        let kind = ErrorKind::Local;
        assert_eq!((kind.as_str(), kind.is_retryable()), ("local", true));
        assert!(kind.hint().contains("key service"), "{}", kind.hint());
    }

    #[test]
    fn every_status_has_the_kind_that_the_contract_gives_it() {
        let table = [
            (300, ErrorKind::Refused),
            (400, ErrorKind::BadRequest),
            (401, ErrorKind::Unauthorized),
            (402, ErrorKind::Refused),
            (403, ErrorKind::Unauthorized),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::BadRequest),
            (409, ErrorKind::Conflict),
            (412, ErrorKind::Conflict),
            (415, ErrorKind::BadRequest),
            (428, ErrorKind::Refused),
            (429, ErrorKind::Throttled),
            (430, ErrorKind::Service),
            (503, ErrorKind::Service),
        ];
        for (status, kind) in table {
            assert_eq!(ErrorKind::of_status(status), kind, "{status}");
        }
    }
}

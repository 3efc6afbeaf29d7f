//! What became of each address of a host.

use std::{fmt, io, net::SocketAddr, time::Duration};

use crate::{deadline::InWords, exhausted::is_exhausted};

/// An address of a host, and what became of the attempt to connect to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressAttempt {
    address: SocketAddr,
    outcome: AddressOutcome,
}

impl AddressAttempt {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            outcome: AddressOutcome::NotTried,
        }
    }

    pub(super) fn end(&mut self, outcome: AddressOutcome) {
        self.outcome = outcome;
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What became of the attempt.
    pub fn outcome(&self) -> &AddressOutcome {
        &self.outcome
    }
}

/// The IP address with the outcome, such as `192.0.2.1 (refused)`.
impl fmt::Display for AddressAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address.ip(), self.outcome)
    }
}

/// What became of an attempt to connect to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressOutcome {
    /// Connected.
    Connected,
    /// The peer, or a firewall on the way, refused the connection.
    Refused,
    /// This machine has no route to the address.
    NoRoute,
    /// The address was reported as unreachable on the way.
    Unreachable,
    /// No answer arrived within this time.
    NoAnswer(Duration),
    /// The attempt was dropped because another address connected first.
    Superseded,
    /// This machine can make no further socket; the reason in words.
    NoSocket(String),
    /// The attempt failed for another reason; the reason in words.
    Failed(String),
    /// The attempt was not started: another address connected first, or the time was over.
    NotTried,
}

impl fmt::Display for AddressOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Refused => f.write_str("refused"),
            Self::NoRoute => f.write_str("no route"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::NoAnswer(waited) => write!(f, "no answer within {}", InWords(*waited)),
            Self::Superseded => f.write_str("another address was faster"),
            Self::NoSocket(reason) | Self::Failed(reason) => f.write_str(reason),
            Self::NotTried => f.write_str("not tried"),
        }
    }
}

impl AddressOutcome {
    /// What the error of an attempt means that took this long.
    pub(super) fn of_error(error: &io::Error, address: SocketAddr, waited: Duration) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::NetworkUnreachable => Self::NoRoute,
            // Where IPv6 is disabled, no local IPv6 address can be assigned.
            io::ErrorKind::AddrNotAvailable if address.is_ipv6() => Self::NoRoute,
            io::ErrorKind::HostUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::NoAnswer(waited),
            // Every local port is in use.
            io::ErrorKind::AddrNotAvailable => Self::NoSocket(words(error)),
            _ if is_unsupported_family(error) => Self::NoRoute,
            _ if is_exhausted(error) => Self::NoSocket(words(error)),
            _ => Self::Failed(words(error)),
        }
    }
}

/// The error as the system describes it, without its number.
pub(super) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// Whether this machine does not know the address family.
fn is_unsupported_family(error: &io::Error) -> bool {
    #[cfg(unix)]
    const UNSUPPORTED_FAMILY: i32 = libc::EAFNOSUPPORT;
    // WSAEAFNOSUPPORT.
    #[cfg(not(unix))]
    const UNSUPPORTED_FAMILY: i32 = 10_047;
    error.raw_os_error() == Some(UNSUPPORTED_FAMILY)
}

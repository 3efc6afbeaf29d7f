//! The errors of a host that was not reached.

use std::{fmt, io};

use provisioning_types::{ErrorKind, Host, Phase, TransportError, WaitStep, Waiting};

use super::outcome::{AddressAttempt, AddressOutcome, words};
use crate::{
    deadline::Deadline,
    exhausted::{is_exhausted, no_socket},
};

/// A list of addresses is cut off here, since a name may have thousands.
const MAX_SHOWN_ADDRESSES: usize = 32;

const NO_ROUTE_HINT: &str = "connect this machine to a network that reaches these addresses, or use a proxy";

/// Why a name was not resolved. As the source of an error, it tells this failure from a host that was not reached.
#[derive(Debug)]
pub(crate) enum NotResolved {
    /// The resolver's error.
    Failed(io::Error),
    /// No address, and no error either.
    Empty,
    /// The resolver did not answer in time.
    NoAnswer,
}

impl fmt::Display for NotResolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.write_str(&words(error)),
            Self::Empty => f.write_str("the name has no address"),
            Self::NoAnswer => f.write_str("the resolver did not answer"),
        }
    }
}

impl std::error::Error for NotResolved {}

pub(super) fn not_resolved(host: &Host, reason: NotResolved, deadline: Deadline) -> TransportError {
    let message = format!("the name {host} was not resolved");
    let hint = WaitStep::Resolve.hint();
    match &reason {
        NotResolved::Failed(error) if is_exhausted(error) => no_socket(&words(error)),
        NotResolved::Failed(_) | NotResolved::Empty => new(ErrorKind::Connect, message, hint).with_source(reason),
        NotResolved::NoAnswer => {
            new(ErrorKind::Connect, format!("{message} within {deadline}"), hint).with_source(reason)
        }
    }
}

/// No address of the host was connected to.
pub(super) fn not_reached(host: &Host, port: u16, attempts: &[AddressAttempt]) -> TransportError {
    if let Some(reason) = lack_of_sockets(attempts) {
        return no_socket(reason);
    }
    let is_name = host.ip().is_none();
    let outcomes = if is_name {
        list(attempts.iter())
    } else {
        list(attempts.iter().map(AddressAttempt::outcome))
    };
    let message = format!("{} was not reached on TCP port {port}", host.bare());
    if attempts
        .iter()
        .all(|attempt| *attempt.outcome() == AddressOutcome::NoRoute)
    {
        let message = match (only_family(attempts), is_name) {
            (Some(family), false) => format!("{message}: this machine has no {family} route"),
            (Some(family), true) => format!(
                "{message}: the name has only {family} addresses, and this machine has no {family} route: {outcomes}"
            ),
            (None, _) => format!("{message}: {outcomes}"),
        };
        return new(ErrorKind::Connect, message, NO_ROUTE_HINT);
    }
    let hint = Waiting::new(WaitStep::Tcp, format!("{host}:{port}")).hint();
    new(ErrorKind::Connect, format!("{message}: {outcomes}"), hint)
}

/// The reason, when every address that was tried failed for want of a socket.
fn lack_of_sockets(attempts: &[AddressAttempt]) -> Option<&str> {
    let mut tried = attempts
        .iter()
        .map(AddressAttempt::outcome)
        .filter(|outcome| **outcome != AddressOutcome::NotTried);
    let first = match tried.next()? {
        AddressOutcome::NoSocket(reason) => reason,
        _ => return None,
    };
    tried
        .all(|outcome| matches!(outcome, AddressOutcome::NoSocket(_)))
        .then_some(first)
}

/// The family of all addresses, if they have one in common.
fn only_family(attempts: &[AddressAttempt]) -> Option<&'static str> {
    let mut families = attempts.iter().map(|attempt| attempt.address().is_ipv4());
    let first = families.next()?;
    families
        .all(|family| family == first)
        .then_some(if first { "IPv4" } else { "IPv6" })
}

fn list(items: impl ExactSizeIterator<Item = impl fmt::Display>) -> String {
    let more = items.len().saturating_sub(MAX_SHOWN_ADDRESSES);
    let mut shown: Vec<_> = items.take(MAX_SHOWN_ADDRESSES).map(|item| item.to_string()).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

fn new(kind: ErrorKind, message: String, hint: &'static str) -> TransportError {
    TransportError::new(kind, message)
        .with_hint(hint)
        .in_phase(Phase::Connect)
}

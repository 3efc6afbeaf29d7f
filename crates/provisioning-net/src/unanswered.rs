//! A connection that ends before the peer has answered.

use std::error::Error;

use provisioning_types::{ErrorKind, TransportError};

/// The source of the error of a connection that ended before the first answer of the peer. A middlebox may end it like
/// this, or a service that refuses the credential.
#[derive(Debug, thiserror::Error)]
#[error("services end it like this when they refuse the credential{}", .cause.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
pub struct Unanswered {
    cause: Option<String>,
}

impl Unanswered {
    /// The error of such a connection: `message`, and the cause of `lost`.
    pub fn error(message: &'static str, lost: &TransportError) -> TransportError {
        let cause = lost.source().map(ToString::to_string);
        TransportError::new(ErrorKind::Lost, message).with_source(Self { cause })
    }

    /// Whether it is the source of this error.
    pub fn is_source_of(error: &TransportError) -> bool {
        error.source().is_some_and(|source| source.is::<Self>())
    }
}

//! A connection that ends before the peer has answered.

use std::{error::Error, fmt};

use provisioning_types::{ErrorKind, TransportError};

/// What to check of the credential, unless more is known about it.
const CREDENTIAL_HINT: &str =
    "check the id scope, that the device is enrolled, and that its credential is the enrolled one and not expired";

/// The source of the error of a connection that ended before the first answer of the peer. A middlebox may end it like
/// this, or a service that refuses the credential.
#[derive(Debug, thiserror::Error)]
#[error("services end it like this when they refuse the credential{cause}")]
pub struct Unanswered {
    /// Empty, or a colon and the cause.
    cause: String,
    network_hint: &'static str,
}

impl Unanswered {
    /// The error of such a connection: `message`, and the cause of `lost`. Its hint is to check the credential, and then
    /// `network_hint`: what else ends such a connection, as a part of a sentence.
    pub fn error(message: &'static str, network_hint: &'static str, lost: &TransportError) -> TransportError {
        let cause = lost.source().map_or_else(String::new, |cause| format!(": {cause}"));
        let unanswered = Self { cause, network_hint };
        let hint = unanswered.hint(CREDENTIAL_HINT);
        TransportError::new(ErrorKind::Lost, message)
            .with_source(unanswered)
            .with_hint(hint)
    }

    /// The source of this error, if that is such an end.
    pub fn source_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        error.source()?.downcast_ref()
    }

    /// What to check first, given what to check of the credential.
    pub fn hint(&self, credential_hint: impl fmt::Display) -> String {
        format!("{credential_hint}; then {}", self.network_hint)
    }
}

//! An error and its causes as one line.

use std::{error::Error, iter};

/// The message of `error` and those of its causes, separated by colons. A cause that the message before it ends with is
/// left out: some libraries repeat their source.
///
/// ```
/// use provisioning_types::{ErrorKind, TransportError, error_message};
///
/// let error = TransportError::new(ErrorKind::Lost, "the connection ended").with_source("reset by the peer");
/// assert_eq!(error_message(&error), "the connection ended: reset by the peer");
/// ```
pub fn error_message(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |message, cause| {
        let cause = cause.to_string();
        if message.ends_with(&cause) {
            message
        } else {
            format!("{message}: {cause}")
        }
    })
}

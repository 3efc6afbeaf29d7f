//! What to check first when the service refuses a credential.

use std::sync::Arc;

use provisioning_net::Unanswered;
use provisioning_types::{ErrorCode, ErrorKind, ServiceError, TransportError};

/// Added to the hint of a connection that ended before the first answer.
const OR_THE_NETWORK: &str = "; then the network, and whether something in between ends MQTT connections";

/// The hint for a refused credential: the same wherever the service refuses it.
#[derive(Debug, Clone)]
pub(super) struct RefusalHint(Arc<str>);

impl RefusalHint {
    /// The hint of the credential, and whether a middlebox may have removed the certificate.
    pub(super) fn new(of_proof: &str, has_certificate: bool, given_ca: Option<String>) -> Self {
        Self(match given_ca.filter(|_| has_certificate) {
            Some(issuer) => format!(
                "{of_proof}; the server's certificate is signed by {issuer}, a CA that was given to this device: if it \
                 is that of a middlebox which inspects TLS, exempt the host from inspection, as the middlebox drops the \
                 device's certificate"
            )
            .into(),
            None => of_proof.into(),
        })
    }

    /// Adds the hint to the error of a refused credential. What the service says comes first: the hint of a code or a
    /// message that names another cause, and each other message.
    pub(super) fn explain(&self, error: TransportError) -> TransportError {
        let Self(hint) = self;
        if Unanswered::is_source_of(&error) {
            return error.with_hint(format!("{hint}{OR_THE_NETWORK}"));
        }
        match (error.kind(), error.service(), error.connack()) {
            (ErrorKind::Unauthorized, Some(service), _) if names_another_cause(service) => error,
            (ErrorKind::Unauthorized, Some(service), _) if service.message().is_some_and(|it| !it.is_empty()) => {
                error.with_hint(format!("if the service's message does not name the cause: {hint}"))
            }
            (ErrorKind::Unauthorized, Some(_), _) | (ErrorKind::Unauthorized, _, Some(_)) => {
                error.with_hint(hint.to_string())
            }
            _ => error,
        }
    }
}

fn names_another_cause(service: &ServiceError) -> bool {
    service.hint().is_some() && service.error_code() != Some(ErrorCode::InvalidCredential)
}

//! What to check first when the service refuses a credential.

use provisioning_net::{PeerAddress, Unanswered};
use provisioning_types::{ErrorCode, ErrorKind, Proof, ServiceError, TransportError};

/// Added to the hint of a connection that ended before the first answer.
const OR_THE_NETWORK: &str = "; then the network, and whether something in between ends MQTT connections";

/// Adds the hint to the error of a refused credential, the same wherever the service refuses it. What the service says
/// comes first: the hint of a code or a message that names another cause, and each other message.
pub(super) fn explain(error: TransportError, proof: &Proof, peer: &PeerAddress) -> TransportError {
    let hint = || hint(proof, peer.given_ca());
    if Unanswered::is_source_of(&error) {
        return error.with_hint(format!("{}{OR_THE_NETWORK}", hint()));
    }
    match (error.kind(), error.service(), error.connack()) {
        (ErrorKind::Unauthorized, Some(service), _) if names_another_cause(service) => error,
        (ErrorKind::Unauthorized, Some(service), _) if service.message().is_some_and(|it| !it.is_empty()) => {
            error.with_hint(format!("if the service's message does not name the cause: {}", hint()))
        }
        (ErrorKind::Unauthorized, Some(_), _) | (ErrorKind::Unauthorized, _, Some(_)) => error.with_hint(hint()),
        _ => error,
    }
}

/// The hint of the credential, and whether a middlebox may have removed the certificate.
fn hint(proof: &Proof, given_ca: Option<String>) -> String {
    let of_proof = proof.hint();
    match given_ca.filter(|_| proof.certificate.is_some()) {
        Some(issuer) => format!(
            "{of_proof}; the server's certificate is signed by {issuer}, a CA that was given to this device: if it \
             is that of a middlebox which inspects TLS, exempt the host from inspection, as the middlebox drops the \
             device's certificate"
        ),
        None => of_proof,
    }
}

fn names_another_cause(service: &ServiceError) -> bool {
    service.hint().is_some() && service.error_code() != Some(ErrorCode::InvalidCredential)
}

//! What to check first when the service refuses a credential.

use provisioning_net::{PeerAddress, Unanswered};
use provisioning_types::{ErrorCode, ErrorKind, Proof, ServiceError, TransportError};

/// What the refusal of a connection's credential is explained with, without the credential itself.
pub(super) struct RefusalHint {
    /// Has neither the password nor the certificate any more.
    proof: Proof,
    has_certificate: bool,
}

impl RefusalHint {
    /// Keeps the hint of what a connection presented.
    pub(super) fn of(mut proof: Proof) -> Self {
        let has_certificate = proof.certificate.take().is_some();
        proof.password = None;
        Self { proof, has_certificate }
    }

    /// Names the proxy in the error of a connection to `peer`, and adds the hint if the error is that of a refused
    /// credential, the same wherever the service refuses it. What the service says comes first: the hint of a code or a
    /// message that names another cause, and each other message.
    pub(super) fn explain(&self, error: TransportError, peer: &PeerAddress) -> TransportError {
        let hint = self.hint_of(&error, peer);
        peer.explain(match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }

    /// The hint of a refused credential. `None` if the error is another one, or has a better hint.
    fn hint_of(&self, error: &TransportError, peer: &PeerAddress) -> Option<String> {
        if let Some(unanswered) = Unanswered::source_of(error) {
            return Some(unanswered.hint(self.hint(peer)?));
        }
        match (error.kind(), error.service(), error.connack()) {
            (ErrorKind::Unauthorized, Some(service), _) if names_another_cause(service) => None,
            (ErrorKind::Unauthorized, Some(service), _) if service.message().is_some_and(|it| !it.is_empty()) => {
                let hint = self.hint(peer)?;
                Some(format!("if the service's message does not name the cause: {hint}"))
            }
            (ErrorKind::Unauthorized, Some(_), _) | (ErrorKind::Unauthorized, _, Some(_)) => self.hint(peer),
            _ => None,
        }
    }

    /// The hint of the proof, if it has one, and whether a middlebox may have removed the certificate.
    fn hint(&self, peer: &PeerAddress) -> Option<String> {
        let of_proof = Some(self.proof.hint()).filter(|hint| !hint.is_empty())?;
        Some(match peer.given_ca().filter(|_| self.has_certificate) {
            Some(issuer) => format!(
                "{of_proof}; the server's certificate is signed by {issuer}, a CA that was given to this device: if it \
                 is that of a middlebox which inspects TLS, exempt the host from inspection, as the middlebox drops \
                 the device's certificate"
            ),
            None => of_proof,
        })
    }
}

fn names_another_cause(service: &ServiceError) -> bool {
    service.hint().is_some() && service.error_code() != Some(ErrorCode::InvalidCredential)
}

#[cfg(test)]
mod tests {
    use provisioning_net::{Scheme, ServiceUri};

    use super::*;

    #[test]
    fn the_error_keeps_its_own_hint_where_the_proof_has_none() {
        let endpoint = "h.example".parse().expect("a host");
        let peer = PeerAddress::new(&ServiceUri::new(Scheme::Mqtts, endpoint));
        let lost = TransportError::new(ErrorKind::Lost, "the connection was lost");
        for error in [
            TransportError::new(ErrorKind::Unauthorized, "refused").with_connack(5),
            TransportError::refused_by_service(ServiceError::from_body(401, br#"{"message":"No"}"#)),
            Unanswered::error("ended", "the network", &lost),
        ] {
            let explained = RefusalHint::of(Proof::default()).explain(error.clone(), &peer);
            assert_eq!(explained.hint(), error.hint());
        }
    }
}

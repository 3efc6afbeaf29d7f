//! Admission: which enrollment a device belongs to, by the credential that it presents.

use rustls_pki_types::CertificateDer;

use super::{
    proof::{NOT_ENROLLED, OUTSIDE, Proof, is_enrolled, is_signed},
    reference::{EnrollmentKind, EnrollmentRef},
    store::Enrollments,
};
use crate::identity::Token;

/// The credential that a device presents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presented<'a> {
    Certificates(&'a [CertificateDer<'static>]),
    Token {
        text: &'a str,
        id_scope: &'a str,
        /// The id of the group that admitted the device before, in lower case.
        former_group: Option<&'a str>,
    },
    /// None: its registration id is accepted.
    Nothing,
}

impl Enrollments {
    /// Returns the enrollment that admits the device, its own before a group's, or the reason why no enrollment does, for
    /// the log. Nothing is locked meanwhile.
    pub(crate) fn admit(&self, registration_id: &str, presented: Presented<'_>) -> Result<EnrollmentRef, &'static str> {
        let own = EnrollmentRef::new(EnrollmentKind::Individual, registration_id);
        let groups = match self.candidates(&own) {
            Ok(terms) => return check(&terms.proof, registration_id, presented).map(|()| own),
            Err(groups) => groups,
        };
        let group = match presented {
            Presented::Certificates(chain) => groups.of_certificate(chain),
            Presented::Token {
                text,
                id_scope,
                former_group,
            } => groups.of_token(text, id_scope, registration_id, former_group),
            Presented::Nothing => groups.any(),
        };
        Ok(EnrollmentRef::new(EnrollmentKind::Group, group?))
    }
}

/// Checks what a device presents against its own enrollment.
fn check(proof: &Proof, registration_id: &str, presented: Presented<'_>) -> Result<(), &'static str> {
    match (proof, presented) {
        (Proof::Unusable(reason), _) => Err(reason),
        (_, Presented::Nothing) => Ok(()),
        (
            Proof::Certificates {
                certificates,
                thumbprints,
            },
            Presented::Certificates(chain),
        ) => is_enrolled(chain, certificates, thumbprints),
        (Proof::SignedBy(verifier), Presented::Certificates(chain)) => match is_signed(chain, verifier.as_ref()) {
            Err(OUTSIDE) => Err(NOT_ENROLLED),
            result => result,
        },
        (Proof::Keys(keys), Presented::Token { text, id_scope, .. }) => {
            Token::read(text, id_scope, registration_id)?.check_signature(keys)
        }
        (Proof::Keys(_), Presented::Certificates(_))
        | (Proof::Certificates { .. } | Proof::SignedBy(_), Presented::Token { .. }) => {
            Err("the enrollment is for another kind of credential")
        }
    }
}

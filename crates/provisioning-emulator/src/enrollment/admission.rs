//! Admission: which enrollment a device belongs to, by the credential that it presents.

use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    groups::Groups,
    proof::{INVALID_NOW, NO_ENROLLMENT, NOT_ENROLLED, OUTSIDE, Proof, is_enrolled, is_signed},
    reference::{EnrollmentKind, EnrollmentRef},
    store::Enrollments,
};
use crate::{identity::Token, net::describe};

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
    /// No credential: the registration id is accepted.
    Nothing,
}

impl Enrollments {
    /// Returns the enrollment that admits the device, its own before a group's, or the reason why no enrollment does.
    /// Nothing is locked meanwhile.
    pub(crate) fn admit(&self, registration_id: &str, presented: Presented<'_>) -> Result<EnrollmentRef, String> {
        let own = EnrollmentRef::new(EnrollmentKind::Individual, registration_id);
        match self.candidates(&own) {
            Ok(terms) => match check(&terms.proof, registration_id, presented) {
                Ok(()) => Ok(own),
                Err(reason) => {
                    let reason = presented.explain(reason);
                    Err(format!("{reason} (by the individual enrollment {registration_id:?})"))
                }
            },
            Err(groups) => match group(&groups, registration_id, presented) {
                Ok(group) => Ok(EnrollmentRef::new(EnrollmentKind::Group, group)),
                Err(NO_ENROLLMENT) => Err(format!(
                    "{NO_ENROLLMENT}: {registration_id:?} has no individual enrollment, and there is no enrollment group for \
                     its kind of credential"
                )),
                Err(reason) => {
                    let reason = presented.explain(reason);
                    Err(format!(
                        "{reason}, and {registration_id:?} has no individual enrollment"
                    ))
                }
            },
        }
    }
}

impl Presented<'_> {
    /// Adds to a reason what is known about the credential.
    fn explain(self, reason: &'static str) -> String {
        match self {
            Self::Certificates(chain) if reason == INVALID_NOW => validity(chain).unwrap_or_else(|| reason.to_owned()),
            Self::Certificates([leaf, ..]) if [NOT_ENROLLED, OUTSIDE].contains(&reason) => {
                format!("{reason}: {}", describe(leaf))
            }
            Self::Token { text, .. } => Token::explain(text, reason),
            _ => reason.to_owned(),
        }
    }
}

/// The group that admits the device.
fn group<'a>(groups: &'a Groups, registration_id: &str, presented: Presented<'_>) -> Result<&'a str, &'static str> {
    match presented {
        Presented::Certificates(chain) => groups.of_certificate(chain),
        Presented::Token {
            text,
            id_scope,
            former_group,
        } => groups.of_token(text, id_scope, registration_id, former_group),
        Presented::Nothing => groups.any(),
    }
}

/// Which certificate of a chain is not valid now.
fn validity(chain: &[CertificateDer<'_>]) -> Option<String> {
    let parsed = chain.iter().filter_map(|der| X509Certificate::from_der(der).ok());
    let (_, certificate) = parsed
        .into_iter()
        .find(|(_, certificate)| !certificate.validity().is_valid())?;
    let (subject, validity) = (certificate.subject().to_string(), certificate.validity());
    let now = SystemTime::now();
    Some(match SystemTime::from(validity.not_after.to_datetime()) < now {
        true => format!("the certificate {subject:?} has expired on {}", validity.not_after),
        false => format!(
            "the certificate {subject:?} is not valid before {}",
            validity.not_before
        ),
    })
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

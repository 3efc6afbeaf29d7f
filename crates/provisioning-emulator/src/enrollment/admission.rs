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
    },
    /// None: its registration id is accepted.
    Nothing,
}

impl Enrollments {
    /// Returns the enrollment that admits the device, its own before a group's, or the reason why no enrollment does, for
    /// the log.
    pub(crate) fn admit(&self, registration_id: &str, presented: Presented<'_>) -> Result<EnrollmentRef, &'static str> {
        let records = self.records();
        let own = EnrollmentRef::new(EnrollmentKind::Individual, registration_id);
        if let Some(record) = records.get(&own) {
            check(&record.proof, false, registration_id, presented)?;
            return Ok(own);
        }
        let groups = records
            .iter()
            .filter(|(enrollment, _)| enrollment.kind() == EnrollmentKind::Group);
        let mut reason = NO_ENROLLMENT;
        for (enrollment, record) in groups {
            match check(&record.proof, true, registration_id, presented) {
                Ok(()) => return Ok(enrollment.clone()),
                // A reason about this device is more specific than that it belongs to another group.
                Err(OF_ANOTHER_KIND) => {}
                Err(OUTSIDE) if reason != NO_ENROLLMENT => {}
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }
}

const NO_ENROLLMENT: &str = "no enrollment is for this device";

const OF_ANOTHER_KIND: &str = "the enrollment is for another kind of credential";

fn check(proof: &Proof, is_group: bool, registration_id: &str, presented: Presented<'_>) -> Result<(), &'static str> {
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
            Err(OUTSIDE) if !is_group => Err(NOT_ENROLLED),
            result => result,
        },
        (Proof::Keys(keys), Presented::Token { text, id_scope }) => {
            let token = Token::parse(text).ok_or("the token is not a SharedAccessSignature")?;
            let derived: Vec<_> = keys.iter().map(|key| key.derive(registration_id)).collect();
            token.check(id_scope, registration_id, if is_group { &derived } else { keys })
        }
        (Proof::Keys(_), Presented::Certificates(_))
        | (Proof::Certificates { .. } | Proof::SignedBy(_), Presented::Token { .. }) => Err(OF_ANOTHER_KIND),
    }
}

//! The enrollment groups as they are at one time, arranged so that the group of a device is found without trying each.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    proof::{NO_ENROLLMENT, OUTSIDE, Proof, is_signed},
    terms::Terms,
};
use crate::identity::Token;

/// How many groups with keys are tried first.
const RECENT: usize = 32;

/// The groups, in the order of their ids.
pub(super) struct Groups {
    all: Vec<Group>,
    /// The places of the groups of each CA, by its subject in DER.
    by_subject: HashMap<Vec<u8>, Vec<usize>>,
    /// The places of the groups with keys.
    with_keys: Vec<usize>,
    /// Some of them, the one that admitted a device last first. A token does not say which key signed it, and most devices
    /// belong to few groups.
    recent: Mutex<VecDeque<usize>>,
}

struct Group {
    /// In lower case.
    id: String,
    terms: Arc<Terms>,
}

impl Groups {
    pub(super) fn new(groups: &BTreeMap<String, Arc<Terms>>) -> Self {
        let mut by_subject = HashMap::<_, Vec<_>>::new();
        let mut with_keys = vec![];
        for (place, terms) in groups.values().enumerate() {
            match &terms.proof {
                Proof::SignedBy(verifier) => {
                    for subject in verifier.root_hint_subjects() {
                        by_subject.entry(subject.as_ref().to_vec()).or_default().push(place);
                    }
                }
                Proof::Keys(_) => with_keys.push(place),
                Proof::Certificates { .. } | Proof::Unusable(_) => {}
            }
        }
        let all = groups.iter().map(|(id, terms)| Group {
            id: id.clone(),
            terms: Arc::clone(terms),
        });
        Self {
            all: all.collect(),
            by_subject,
            with_keys,
            recent: Mutex::default(),
        }
    }

    /// The first group that accepts a device without proof.
    pub(super) fn any(&self) -> Result<&str, &'static str> {
        let mut usable = self.all.iter().filter(|group| self.reason_of(group).is_none());
        usable.next().map(|group| &*group.id).ok_or_else(|| self.reason())
    }

    /// The group whose CA signed the device's certificate.
    pub(super) fn of_certificate(&self, chain: &[CertificateDer<'_>]) -> Result<&str, &'static str> {
        let mut places: Vec<_> = chain
            .iter()
            .filter_map(|certificate| X509Certificate::from_der(certificate).ok())
            .filter_map(|(_, certificate)| self.by_subject.get(certificate.issuer().as_raw()))
            .flatten()
            .copied()
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut reason = match self.by_subject.is_empty() {
            true => self.reason(),
            false => OUTSIDE,
        };
        for place in places {
            let group = &self.all[place];
            if let Proof::SignedBy(verifier) = &group.terms.proof {
                match is_signed(chain, verifier.as_ref()) {
                    Ok(()) => return Ok(&group.id),
                    // A reason about this device is more specific than that it belongs to another group.
                    Err(OUTSIDE) => {}
                    Err(why) => reason = why,
                }
            }
        }
        Err(reason)
    }

    /// The group from whose keys the key is derived that signed the device's token.
    pub(super) fn of_token(
        &self,
        token: &str,
        id_scope: &str,
        registration_id: &str,
        former_group: Option<&str>,
    ) -> Result<&str, &'static str> {
        if self.with_keys.is_empty() {
            return Err(self.reason());
        }
        let token = Token::read(token, id_scope, registration_id)?;
        let recent: Vec<_> = self.recent().iter().copied().collect();
        let signed_it = |place: usize, rank: usize| match &self.all[place].terms.proof {
            Proof::Keys(keys) => keys
                .get(rank)
                .is_some_and(|key| token.is_signed_with_derived(key, registration_id)),
            Proof::Certificates { .. } | Proof::SignedBy(_) | Proof::Unusable(_) => false,
        };
        let former = former_group.and_then(|id| self.all.binary_search_by(|group| (*group.id).cmp(id)).ok());
        let likely = former
            .iter()
            .chain(&recent)
            .flat_map(|place| [(*place, 0), (*place, 1)]);
        // Of the others, most devices have the primary key.
        let all = |rank| self.with_keys.iter().map(move |place| (*place, rank));
        let mut tried = likely.chain(all(0)).chain(all(1));
        let found = tried.find(|(place, rank)| signed_it(*place, *rank));
        let (place, _) = found.ok_or(Token::ANOTHER_KEY)?;
        let mut recent = self.recent();
        recent.retain(|other| *other != place);
        recent.push_front(place);
        recent.truncate(RECENT);
        Ok(&self.all[place].id)
    }

    /// Why no group is for a device.
    fn reason(&self) -> &'static str {
        let mut reasons = self.all.iter().filter_map(|group| self.reason_of(group));
        reasons.next().unwrap_or(NO_ENROLLMENT)
    }

    /// Why a group admits no device.
    fn reason_of(&self, group: &Group) -> Option<&'static str> {
        match group.terms.proof {
            Proof::Unusable(reason) => Some(reason),
            Proof::Certificates { .. } | Proof::SignedBy(_) | Proof::Keys(_) => None,
        }
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use rustls_pki_types::pem::PemObject;

    use super::*;
    use crate::{
        enrollment::{Enrollment, EnrollmentKind, EnrollmentRef, Enrollments, Presented},
        identity::{Authority, CertificateSettings, Key, token},
    };

    /// How many groups of each kind there are.
    const COUNT: usize = 100;

    fn group(id: &str) -> EnrollmentRef {
        EnrollmentRef::new(EnrollmentKind::Group, id)
    }

    fn key(number: usize) -> String {
        STANDARD.encode(number.to_string())
    }

    fn admit(enrollments: &Enrollments, device: &str, signing_key: &str) -> Result<EnrollmentRef, String> {
        admit_again(enrollments, device, signing_key, None)
    }

    fn admit_again(
        enrollments: &Enrollments,
        device: &str,
        signing_key: &str,
        former_group: Option<&str>,
    ) -> Result<EnrollmentRef, String> {
        let key = Key::read(signing_key.as_bytes()).expect("a key").derive(device);
        let text = token(&key, &format!("0ne1/registrations/{device}"), 1 << 40);
        let presented = Presented::Token {
            text: &text,
            id_scope: "0ne1",
            former_group,
        };
        enrollments.admit(device, presented)
    }

    fn assert_refused(result: &Result<EnrollmentRef, String>, reason: &str) {
        let refused = result.as_ref().is_err_and(|found| found.starts_with(reason));
        assert!(refused, "{reason}: {result:?}");
    }

    #[test]
    fn the_group_of_a_device_is_found_among_many_by_its_key_or_its_ca() {
        let authorities: Vec<_> = (0..4).map(|_| Authority::generate().expect("a CA")).collect();
        let enrollments = Enrollments::new("");
        for number in 0..COUNT {
            let keys = Enrollment::group(format!("keys-{number}")).symmetric_keys(key(number), key(1000 + number));
            enrollments.enroll(keys).expect("made");
        }
        for (number, authority) in authorities[..3].iter().enumerate() {
            let group = Enrollment::group(format!("ca-{number}")).certificate(authority.certificate_pem());
            enrollments.enroll(group).expect("made");
        }
        for number in [0, 7, COUNT - 1, 7] {
            let expected = group(&format!("keys-{number}"));
            for key in [key(number), key(1000 + number)] {
                assert_eq!(admit(&enrollments, "d", &key), Ok(expected.clone()));
            }
        }
        for former in ["keys-7", "keys-99", "ca-1", "gone"] {
            let again = admit_again(&enrollments, "d", &key(7), Some(former));
            assert_eq!(again, Ok(group("keys-7")), "it was in {former}");
        }
        assert_refused(&admit(&enrollments, "d", &key(5000)), Token::ANOTHER_KEY);
        for (number, authority) in authorities.iter().enumerate() {
            let device = authority
                .issue_device("d", CertificateSettings::default())
                .expect("a device");
            let pem = device.certificate_chain_pem.as_bytes();
            let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
                .map(|der| der.expect("PEM"))
                .collect();
            // All these CAs have the same name: only the signature tells them apart.
            let admitted = enrollments.admit("d", Presented::Certificates(&chain));
            match number {
                3 => assert_refused(&admitted, OUTSIDE),
                number => assert_eq!(admitted, Ok(group(&format!("ca-{number}")))),
            }
        }
    }

    #[test]
    fn a_change_of_the_groups_applies_at_once() {
        let enrollments = Enrollments::new("");
        assert_refused(&admit(&enrollments, "d", &key(1)), NO_ENROLLMENT);
        for id in ["b", "a"] {
            enrollments
                .enroll(Enrollment::group(id).symmetric_keys(key(1), key(2)))
                .expect("made");
            assert_eq!(admit(&enrollments, "d", &key(1)), Ok(group(id)), "the first by its id");
        }
        enrollments.delete(EnrollmentKind::Group, "a", None).expect("deleted");
        assert_eq!(admit(&enrollments, "d", &key(1)), Ok(group("b")));
        enrollments
            .enroll(Enrollment::group("b").symmetric_keys(key(3), key(4)))
            .expect("changed");
        assert_refused(&admit(&enrollments, "d", &key(1)), Token::ANOTHER_KEY);
    }

    #[test]
    fn the_reason_is_the_most_specific_one() {
        let authority = Authority::generate().expect("a CA");
        let enrollments = Enrollments::new("");
        enrollments.enroll(Enrollment::group("a").own_ca()).expect_err("no CA");
        enrollments
            .enroll(Enrollment::group("z").symmetric_keys(key(1), key(2)))
            .expect("made");
        let device = authority
            .issue_device("d", CertificateSettings::default())
            .expect("a device");
        let leaf = CertificateDer::from_pem_slice(device.certificate_chain_pem.as_bytes()).expect("PEM");
        let admitted =
            |enrollments: &Enrollments| enrollments.admit("d", Presented::Certificates(std::slice::from_ref(&leaf)));
        assert_refused(&admitted(&enrollments), NO_ENROLLMENT);
        let other = Authority::generate().expect("a CA");
        let ca = Enrollment::group("m").certificate(other.certificate_pem());
        enrollments.enroll(ca).expect("made");
        assert_refused(&admitted(&enrollments), OUTSIDE);
    }
}

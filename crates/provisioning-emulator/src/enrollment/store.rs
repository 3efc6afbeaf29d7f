//! The enrollments. They can change while devices register.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::{
    body::{Attestation, Body, Certificates, X509},
    builder::Enrollment,
    groups::Groups,
    invalid::Invalid,
    proof::Proof,
    reference::{EnrollmentKind, EnrollmentRef},
    terms::{Allocation, Terms},
};
use crate::{
    error::EmulatorError,
    identifiers::{etag, now},
    identity::Key,
    persistence::{Change, Image, Journal, SavedEnrollment},
    refusal::Refusal,
};

/// How many enrollments of each kind there may be.
const MAX_ENROLLMENTS: usize = 50_000;

/// The enrollments.
pub(crate) struct Enrollments {
    own_ca_pem: String,
    /// How many there may be of each kind.
    limit: usize,
    records: Mutex<Records>,
    /// Those of the start.
    initial: Records,
}

/// The enrollments of both kinds, by their ids in lower case. Entries are shared: they are read while nothing is locked.
#[derive(Clone, Default)]
struct Records {
    individual: BTreeMap<String, Arc<Terms>>,
    group: BTreeMap<String, Arc<Terms>>,
    /// The groups as they are now; `None` after a change, until a device needs them.
    groups: Option<Arc<Groups>>,
    /// Takes each change, if enrollments are persisted.
    journal: Option<Journal>,
}

impl Records {
    fn of(&self, kind: EnrollmentKind) -> &BTreeMap<String, Arc<Terms>> {
        match kind {
            EnrollmentKind::Individual => &self.individual,
            EnrollmentKind::Group => &self.group,
        }
    }

    fn insert(&mut self, key: &EnrollmentRef, terms: Arc<Terms>) {
        if let Some(journal) = &self.journal {
            journal.record(Change::Enrolled(saved(key, &terms)));
        }
        self.of_mut(key.kind()).insert(key.id().to_owned(), terms);
    }

    fn remove(&mut self, key: &EnrollmentRef) {
        if let Some(journal) = &self.journal {
            journal.record(Change::Unenrolled(key.clone()));
        }
        self.of_mut(key.kind()).remove(key.id());
    }

    /// All of both kinds.
    fn saved(&self) -> Vec<SavedEnrollment> {
        let kinds = [EnrollmentKind::Individual, EnrollmentKind::Group];
        let all = kinds.into_iter().flat_map(|kind| {
            let of_kind = self.of(kind).iter();
            of_kind.map(move |(id, terms)| saved(&EnrollmentRef::new(kind, id), terms))
        });
        all.collect()
    }

    /// For a change.
    fn of_mut(&mut self, kind: EnrollmentKind) -> &mut BTreeMap<String, Arc<Terms>> {
        match kind {
            EnrollmentKind::Individual => &mut self.individual,
            EnrollmentKind::Group => {
                self.groups = None;
                &mut self.group
            }
        }
    }

    fn get(&self, enrollment: &EnrollmentRef) -> Option<&Arc<Terms>> {
        self.of(enrollment.kind()).get(enrollment.id())
    }
}

impl Enrollments {
    /// An empty store.
    pub(crate) fn new(own_ca_pem: &str) -> Self {
        Self {
            own_ca_pem: own_ca_pem.to_owned(),
            limit: MAX_ENROLLMENTS,
            records: Mutex::default(),
            initial: Records::default(),
        }
    }

    /// With these, which a reset restores.
    pub(crate) fn with(own_ca_pem: &str, initial: impl IntoIterator<Item = Enrollment>) -> Result<Self, EmulatorError> {
        let mut enrollments = Self::new(own_ca_pem);
        for enrollment in initial {
            enrollments.enroll(enrollment)?;
        }
        let initial = enrollments.records().clone();
        enrollments.initial = initial;
        Ok(enrollments)
    }

    /// Makes the enrollments as they were at the start, with the same etags and generated keys.
    pub(crate) fn reset(&self) {
        let mut records = self.records();
        let journal = records.journal.take();
        if let Some(journal) = &journal {
            journal.record(Change::Restored(self.initial.saved()));
        }
        *records = Records {
            journal,
            ..self.initial.clone()
        };
    }

    /// The enrollments of an earlier run take the place of those of the start, except those that the configuration has
    /// changed, added or removed since. `configured` is what it has now.
    pub(crate) fn restore(&self, image: &Image, configured: &BTreeMap<EnrollmentRef, Value>) -> Result<(), String> {
        let is_unchanged = |of: &EnrollmentRef| image.configured.get(of) == configured.get(of);
        let mut records = self.records();
        for of in configured.keys().filter(|of| is_unchanged(of)) {
            // It was deleted, unless it follows.
            records.remove(of);
        }
        for (of, body) in image.enrolled.iter().filter(|(of, _)| is_unchanged(of)) {
            let invalid = |invalid: Invalid| format!("the enrollment {} in it: {invalid}", of.id());
            let body = Body::read(body.clone()).map_err(invalid)?;
            let terms = Terms::new(of.kind(), of.id(), body, Some(&self.own_ca_pem)).map_err(invalid)?;
            records.insert(of, Arc::new(terms));
        }
        Ok(())
    }

    /// Records changes from now on.
    pub(crate) fn persist(&self, journal: Journal) {
        self.records().journal = Some(journal);
    }

    /// All enrollments.
    pub(crate) fn saved(&self) -> Vec<SavedEnrollment> {
        self.records().saved()
    }

    /// Adds an enrollment, or replaces the one with its id.
    pub(crate) fn enroll(&self, enrollment: Enrollment) -> Result<(), EmulatorError> {
        let Enrollment { kind, id, body } = enrollment;
        match self.set(kind, &id, body, Precondition::None) {
            Ok(_) => Ok(()),
            Err(Refusal { message: reason, .. }) => Err(EmulatorError::Enrollment { id, reason }),
        }
    }

    /// Adds an enrollment, unless there is one with its id. Returns whether it did.
    pub(crate) fn create(&self, enrollment: Enrollment) -> Result<bool, Refusal> {
        let Enrollment { kind, id, body } = enrollment;
        match self.set(kind, &id, body, Precondition::Absent) {
            Ok(_) => Ok(true),
            Err(_) if self.get(kind, &id).is_ok() => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// As [`enroll`](Self::enroll), with a body of the REST API. Returns the enrollment.
    pub(crate) fn put(
        &self,
        kind: EnrollmentKind,
        id: &str,
        body: Value,
        precondition: Precondition<'_>,
    ) -> Result<Arc<Terms>, Refusal> {
        let body = Body::read(body).map_err(invalid)?;
        self.set(kind, id, body, precondition)
    }

    fn set(
        &self,
        kind: EnrollmentKind,
        id: &str,
        body: Body,
        precondition: Precondition<'_>,
    ) -> Result<Arc<Terms>, Refusal> {
        let key = EnrollmentRef::new(kind, id);
        loop {
            let former = self.records().get(&key).cloned();
            precondition.check(former.as_ref().and_then(|former| former.body.etag.as_deref()))?;
            // Certificates are read and keys generated while nothing is locked.
            let body = changed(body.clone(), former.as_ref().map(|former| &former.body));
            let terms = Terms::new(kind, id, body, Some(&self.own_ca_pem)).map_err(invalid)?;
            let terms = Arc::new(terms);
            let mut records = self.records();
            let is_unchanged = match (records.get(&key), &former) {
                (Some(now), Some(former)) => Arc::ptr_eq(now, former),
                (now, former) => now.is_none() && former.is_none(),
            };
            if !is_unchanged {
                continue;
            }
            if former.is_none() && records.of(kind).len() >= self.limit {
                let message = format!("There are {} enrollments of this kind; delete some first.", self.limit);
                return Err(Refusal::new(403, 403_004, message));
            }
            records.insert(&key, Arc::clone(&terms));
            return Ok(terms);
        }
    }

    pub(crate) fn get(&self, kind: EnrollmentKind, id: &str) -> Result<Arc<Terms>, Refusal> {
        let found = self.records().get(&EnrollmentRef::new(kind, id)).cloned();
        found.ok_or_else(|| not_found(kind))
    }

    pub(crate) fn delete(&self, kind: EnrollmentKind, id: &str, if_match: Option<&str>) -> Result<(), Refusal> {
        let mut records = self.records();
        let key = EnrollmentRef::new(kind, id);
        let found = records.get(&key).ok_or_else(|| not_found(kind))?;
        if_match
            .map_or(Precondition::None, Precondition::Etag)
            .check(found.body.etag.as_deref())?;
        records.remove(&key);
        Ok(())
    }

    /// How many of one kind there are.
    pub(crate) fn count(&self, kind: EnrollmentKind) -> usize {
        self.records().of(kind).len()
    }

    /// At most `limit` of one kind, those after this id in lower case, in the order of their ids.
    pub(crate) fn page(&self, kind: EnrollmentKind, after: Option<&str>, limit: usize) -> Vec<Arc<Terms>> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let records = self.records();
        let behind = records.of(kind).range::<str, _>((after, Bound::Unbounded));
        behind.take(limit).map(|(_, terms)| Arc::clone(terms)).collect()
    }

    /// The attestation with its keys.
    pub(crate) fn attestation_mechanism(&self, kind: EnrollmentKind, id: &str) -> Result<Value, Refusal> {
        Ok(self.get(kind, id)?.body.to_json()["attestation"].take())
    }

    /// The symmetric key of the device: of its own enrollment, else derived from the first group that has keys.
    pub(crate) fn device_key(&self, registration_id: &str) -> Option<Key> {
        let primary = |terms: &Terms| match &terms.proof {
            Proof::Keys(keys) => keys.first().cloned(),
            Proof::Certificates { .. } | Proof::SignedBy(_) | Proof::Unusable(_) => None,
        };
        let records = self.records();
        match records.get(&EnrollmentRef::new(EnrollmentKind::Individual, registration_id)) {
            Some(own) => primary(own),
            None => {
                let of_group = records.group.values().find_map(|terms| primary(terms))?;
                Some(of_group.derive(registration_id))
            }
        }
    }

    /// How the enrollment allocates now; `None` if it was deleted.
    pub(crate) fn allocation(&self, enrollment: &EnrollmentRef) -> Option<Arc<Allocation>> {
        let records = self.records();
        Some(Arc::clone(&records.get(enrollment)?.allocation))
    }

    /// The device's own enrollment, or all groups if it has none.
    pub(super) fn candidates(&self, own: &EnrollmentRef) -> Result<Arc<Terms>, Arc<Groups>> {
        let mut records = self.records();
        if let Some(terms) = records.get(own) {
            return Ok(Arc::clone(terms));
        }
        let Records { group, groups, .. } = &mut *records;
        Err(Arc::clone(groups.get_or_insert_with(|| Arc::new(Groups::new(group)))))
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn saved(of: &EnrollmentRef, terms: &Terms) -> SavedEnrollment {
    SavedEnrollment {
        of: of.clone(),
        body: terms.body.to_json(),
    }
}

/// A body with its new etag and times, and with what a client omits of the former one.
fn changed(mut body: Body, former: Option<&Body>) -> Body {
    let now = now();
    let created = former.and_then(|former| former.created_date_time_utc.clone());
    body.created_date_time_utc = created.or_else(|| Some(now.clone()));
    body.last_updated_date_time_utc = Some(now);
    body.etag = Some(etag());
    if let Some(former) = former {
        keep_secrets(&mut body.attestation, &former.attestation);
    }
    body
}

/// Keeps the keys and certificates that a client omits when it sends back what it has read.
fn keep_secrets(attestation: &mut Attestation, former: &Attestation) {
    if attestation.kind != former.kind {
        return;
    }
    if let Some(former) = &former.symmetric_key {
        let keys = attestation.symmetric_key.get_or_insert_default();
        keys.primary_key = keys.primary_key.take().or_else(|| former.primary_key.clone());
        keys.secondary_key = keys.secondary_key.take().or_else(|| former.secondary_key.clone());
    }
    let has_certificate = |x509: &X509| {
        let of = |given: &Option<Certificates>| given.as_ref().is_some_and(Certificates::are_given);
        of(&x509.client_certificates) || of(&x509.signing_certificates) || x509.thumbprints.is_some()
    };
    if !attestation.x509.as_ref().is_some_and(has_certificate) {
        attestation.x509 = former.x509.clone();
    }
}

/// What a change requires of the enrollment as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Precondition<'a> {
    None,
    /// It does not exist.
    Absent,
    /// It has this etag; `*` is any.
    Etag(&'a str),
}

impl Precondition<'_> {
    /// Checks the current etag; `None` if there is no enrollment.
    fn check(self, current: Option<&str>) -> Result<(), Refusal> {
        match (self, current) {
            (Self::None, _) | (Self::Absent, None) | (Self::Etag("*"), Some(_)) => Ok(()),
            (Self::Absent, Some(_)) => {
                let message = "An enrollment of this id exists; an update needs its etag in If-Match, or \"*\".";
                Err(Refusal::new(409, 409_201, message))
            }
            (Self::Etag(wanted), current) if current == Some(wanted) => Ok(()),
            (Self::Etag(_), _) => Err(Refusal::etag_mismatch()),
        }
    }
}

fn invalid(invalid: Invalid) -> Refusal {
    Refusal::bad_request(format!("{invalid}."))
}

fn not_found(kind: EnrollmentKind) -> Refusal {
    let what = match kind {
        EnrollmentKind::Individual => "Enrollment",
        EnrollmentKind::Group => "Enrollment group",
    };
    Refusal::new(404, 404_201, format!("{what} not found."))
}

#[cfg(test)]
mod tests;

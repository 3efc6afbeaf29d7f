//! The enrollments. They can change while devices register.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::{
    body::{
        AllocationPolicy, Attestation, AttestationKind, Body, Certificates, ProvisioningStatus, ReprovisionPolicy, X509,
    },
    builder::Enrollment,
    invalid::Invalid,
    proof::Proof,
    reference::{EnrollmentKind, EnrollmentRef},
    terms::Terms,
};
use crate::{
    error::EmulatorError,
    identifiers::{etag, now},
    identity::Key,
    refusal::Refusal,
};

/// How an enrollment allocates its devices now.
#[derive(Debug, Clone)]
pub(crate) struct Allocation {
    /// `x509`, `symmetricKey`, `tpm` or `none`.
    pub(crate) attestation: &'static str,
    pub(crate) group: Option<String>,
    pub(crate) is_enabled: bool,
    pub(crate) device_id: Option<String>,
    /// Those that may be chosen; empty for the emulator's.
    pub(crate) hubs: Vec<String>,
    pub(crate) policy: AllocationPolicy,
    pub(crate) reprovision: ReprovisionPolicy,
    pub(crate) webhook: Option<Webhook>,
    /// Whether it has a policy that issues certificates for signing requests.
    pub(crate) issues_certificates: bool,
}

/// The webhook of an enrollment with custom allocation.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    /// The enrollment, without its keys.
    pub(crate) enrollment: Value,
}

/// The enrollments.
pub(crate) struct Enrollments {
    own_ca_pem: String,
    records: Mutex<BTreeMap<EnrollmentRef, Terms>>,
}

impl Enrollments {
    /// None yet.
    pub(crate) fn new(own_ca_pem: &str) -> Self {
        Self {
            own_ca_pem: own_ca_pem.to_owned(),
            records: Mutex::default(),
        }
    }

    /// Adds an enrollment, or replaces the one with its id.
    pub(crate) fn enroll(&self, enrollment: Enrollment) -> Result<(), EmulatorError> {
        let Enrollment { kind, id, body } = enrollment;
        match self.set(kind, &id, body, Precondition::None) {
            Ok(_) => Ok(()),
            Err(Refusal { message: reason, .. }) => Err(EmulatorError::Enrollment { id, reason }),
        }
    }

    /// As [`enroll`](Self::enroll), with a body of the REST API. Returns the enrollment without its keys.
    pub(crate) fn put(
        &self,
        kind: EnrollmentKind,
        id: &str,
        body: Value,
        precondition: Precondition<'_>,
    ) -> Result<Value, Refusal> {
        let body = Body::read(body).map_err(invalid)?;
        self.set(kind, id, body, precondition)
    }

    fn set(
        &self,
        kind: EnrollmentKind,
        id: &str,
        mut body: Body,
        precondition: Precondition<'_>,
    ) -> Result<Value, Refusal> {
        let mut records = self.records();
        let key = EnrollmentRef::new(kind, id);
        let former = records.get(&key).map(|record| &record.body);
        precondition.check(former.and_then(|body| body.etag.as_deref()))?;
        let now = now();
        body.created_date_time_utc = former
            .and_then(|body| body.created_date_time_utc.clone())
            .or_else(|| Some(now.clone()));
        body.last_updated_date_time_utc = Some(now);
        body.etag = Some(etag());
        if let Some(former) = former {
            keep_secrets(&mut body.attestation, &former.attestation);
        }
        let terms = Terms::new(kind, id, body, Some(&self.own_ca_pem)).map_err(invalid)?;
        let answer = shown(&terms.body);
        records.insert(key, terms);
        Ok(answer)
    }

    /// Without its keys.
    pub(crate) fn get(&self, kind: EnrollmentKind, id: &str) -> Result<Value, Refusal> {
        let records = self.records();
        let record = records
            .get(&EnrollmentRef::new(kind, id))
            .ok_or_else(|| not_found(kind))?;
        Ok(shown(&record.body))
    }

    pub(crate) fn delete(&self, kind: EnrollmentKind, id: &str, if_match: Option<&str>) -> Result<(), Refusal> {
        let mut records = self.records();
        let key = EnrollmentRef::new(kind, id);
        let record = records.get(&key).ok_or_else(|| not_found(kind))?;
        if_match
            .map_or(Precondition::None, Precondition::Etag)
            .check(record.body.etag.as_deref())?;
        records.remove(&key);
        Ok(())
    }

    /// All of one kind, by their ids, without their keys.
    pub(crate) fn list(&self, kind: EnrollmentKind) -> Vec<Value> {
        let records = self.records();
        let of_kind = records.iter().filter(|(enrollment, _)| enrollment.kind() == kind);
        of_kind.map(|(_, record)| shown(&record.body)).collect()
    }

    /// The attestation with its keys.
    pub(crate) fn attestation_mechanism(&self, kind: EnrollmentKind, id: &str) -> Result<Value, Refusal> {
        let records = self.records();
        let record = records
            .get(&EnrollmentRef::new(kind, id))
            .ok_or_else(|| not_found(kind))?;
        Ok(record.body.to_json()["attestation"].take())
    }

    /// The symmetric key of the device: of its own enrollment, else derived from the first group that has keys.
    pub(crate) fn device_key(&self, registration_id: &str) -> Option<Key> {
        let primary = |record: &Terms| match &record.proof {
            Proof::Keys(keys) => keys.first().cloned(),
            Proof::Certificates { .. } | Proof::SignedBy(_) | Proof::Unusable(_) => None,
        };
        let records = self.records();
        if let Some(own) = records.get(&EnrollmentRef::new(EnrollmentKind::Individual, registration_id)) {
            return primary(own);
        }
        let mut groups = records
            .iter()
            .filter(|(enrollment, _)| enrollment.kind() == EnrollmentKind::Group);
        let of_group = groups.find_map(|(_, record)| primary(record))?;
        Some(of_group.derive(registration_id))
    }

    /// How the enrollment allocates now; `None` if it was deleted.
    pub(crate) fn allocation(&self, enrollment: &EnrollmentRef) -> Option<Allocation> {
        let records = self.records();
        let body = &records.get(enrollment)?.body;
        let hubs = match (&body.iot_hubs, &body.iot_hub_host_name) {
            (Some(hubs), _) => hubs.clone(),
            (None, Some(hub)) => vec![hub.clone()],
            (None, None) => vec![],
        };
        let is_custom = body.allocation_policy == AllocationPolicy::Custom;
        Some(Allocation {
            attestation: match body.attestation.kind {
                AttestationKind::SymmetricKey => "symmetricKey",
                AttestationKind::X509 => "x509",
                AttestationKind::Tpm => "tpm",
                AttestationKind::None => "none",
            },
            group: body.enrollment_group_id.clone(),
            is_enabled: body.provisioning_status == ProvisioningStatus::Enabled,
            device_id: body.device_id.clone(),
            hubs,
            policy: body.allocation_policy,
            reprovision: body.reprovision_policy,
            issues_certificates: body.certificate_policy_name.is_some(),
            webhook: body
                .custom_allocation_definition
                .as_ref()
                .filter(|_| is_custom)
                .map(|definition| Webhook {
                    url: definition.webhook_url.clone(),
                    enrollment: shown(body),
                }),
        })
    }

    pub(super) fn records(&self) -> MutexGuard<'_, BTreeMap<EnrollmentRef, Terms>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

fn shown(body: &Body) -> Value {
    let mut shown = body.to_json();
    if let Some(attestation) = shown["attestation"].as_object_mut()
        && attestation.contains_key("symmetricKey")
    {
        attestation.insert("symmetricKey".to_owned(), Value::Object(Default::default()));
    }
    shown
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
mod tests {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    use serde_json::json;

    use super::*;
    use crate::{
        enrollment::{admission::Presented, proof::NOT_ENROLLED},
        identity::{Authority, CertificateSettings},
    };

    /// What a service SDK does to change an enrollment: it reads it, and sends it back.
    fn read_and_sent_back(attestation: &Value) -> Value {
        let enrollments = Enrollments::new("");
        let body = json!({"enrollmentGroupId": "g", "attestation": attestation});
        enrollments
            .put(EnrollmentKind::Group, "g", body, Precondition::Absent)
            .expect("made");
        let mut read = enrollments.get(EnrollmentKind::Group, "g").expect("read");
        read["provisioningStatus"] = json!("disabled");
        if let Some(certificate) = read["attestation"].pointer_mut("/x509/signingCertificates/primary") {
            *certificate = json!({"info": {"subjectName": "CN=ca"}});
        }
        let changed = enrollments
            .put(EnrollmentKind::Group, "g", read, Precondition::Etag("*"))
            .expect("changed");
        assert_eq!(changed["provisioningStatus"], "disabled");
        let mut kept = enrollments
            .attestation_mechanism(EnrollmentKind::Group, "g")
            .expect("read");
        if let Some(certificate) = kept.pointer_mut("/x509/signingCertificates/primary") {
            let info = certificate.as_object_mut().and_then(|members| members.remove("info"));
            assert!(
                info.is_some_and(|info| info["subjectName"].is_string()),
                "{certificate}"
            );
        }
        kept
    }

    #[test]
    fn what_is_sent_back_without_its_keys_or_certificates_keeps_them() {
        let ca = Authority::generate().expect("a CA");
        let certificate = json!({"primary": {"certificate": ca.certificate_pem()}});
        for attestation in [
            json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": "YQ==", "secondaryKey": "Yg=="}}),
            json!({"type": "x509", "x509": {"signingCertificates": certificate}}),
        ] {
            assert_eq!(read_and_sent_back(&attestation), attestation);
        }
    }

    #[test]
    fn a_device_of_the_own_ca_stays_one_when_its_enrollment_is_read_and_sent_back() {
        let authority = Authority::generate().expect("a CA");
        let enrollments = Enrollments::new(authority.certificate_pem());
        let own_ca = Enrollment::individual("d").own_ca();
        enrollments.enroll(own_ca).expect("made");
        let mut read = enrollments.get(EnrollmentKind::Individual, "d").expect("read");
        let certificates = &mut read["attestation"]["x509"]["clientCertificates"];
        certificates["primary"] = json!({"info": {"subjectName": "CN=d"}});
        let put = enrollments.put(EnrollmentKind::Individual, "d", read, Precondition::Etag("*"));
        put.expect("changed");
        let chain = [CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).expect("PEM")];
        let presented = Presented::Certificates(&chain);
        assert_eq!(enrollments.admit("d", presented).err(), Some(NOT_ENROLLED));
        let device = authority
            .issue_device("d", CertificateSettings::default())
            .expect("a certificate");
        let chain = [CertificateDer::from_pem_slice(device.certificate_chain_pem.as_bytes()).expect("PEM")];
        assert!(enrollments.admit("d", Presented::Certificates(&chain)).is_ok());
    }

    #[test]
    fn keys_are_shown_by_the_attestation_mechanism_only() {
        let enrollments = Enrollments::new("");
        let keys = json!({"primaryKey": "YQ==", "secondaryKey": "Yg=="});
        let body = json!({"registrationId": "d", "attestation": {"type": "symmetricKey", "symmetricKey": keys}});
        let answered = enrollments
            .put(EnrollmentKind::Individual, "d", body, Precondition::Absent)
            .expect("made");
        let listed = enrollments.list(EnrollmentKind::Individual);
        for shown in [&answered, &listed[0]] {
            assert_eq!(
                shown["attestation"],
                json!({"type": "symmetricKey", "symmetricKey": {}})
            );
        }
    }

    #[test]
    fn an_etag_must_be_the_one_that_it_has_now() {
        let enrollments = Enrollments::new("");
        let body = || json!({"registrationId": "d", "attestation": {"type": "symmetricKey"}});
        let put = |etag: Option<&str>| {
            let precondition = etag.map_or(Precondition::Absent, Precondition::Etag);
            enrollments.put(EnrollmentKind::Individual, "d", body(), precondition)
        };
        assert_eq!(put(Some("*")).expect_err("there is none yet").status, 412);
        let first = put(None).expect("made")["etag"].as_str().expect("an etag").to_owned();
        let second = put(Some(&first)).expect("changed")["etag"]
            .as_str()
            .expect("an etag")
            .to_owned();
        assert_eq!(put(Some(&first)).expect_err("changed meanwhile").status, 412);
        let delete = |etag| enrollments.delete(EnrollmentKind::Individual, "d", Some(etag));
        assert_eq!(delete(first.as_str()).expect_err("changed meanwhile").status, 412);
        delete(&second).expect("gone");
        assert_eq!(delete("*").expect_err("gone already").status, 404);
    }
}

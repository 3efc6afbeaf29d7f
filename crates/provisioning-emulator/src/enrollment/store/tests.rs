//! What a change keeps, shows and requires.

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
    let mut read = enrollments.get(EnrollmentKind::Group, "g").expect("read").shown();
    read["provisioningStatus"] = json!("disabled");
    if let Some(certificate) = read["attestation"].pointer_mut("/x509/signingCertificates/primary") {
        *certificate = json!({"info": {"subjectName": "CN=ca"}});
    }
    let changed = enrollments
        .put(EnrollmentKind::Group, "g", read, Precondition::Etag("*"))
        .expect("changed");
    assert_eq!(changed.shown()["provisioningStatus"], "disabled");
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
    let mut read = enrollments.get(EnrollmentKind::Individual, "d").expect("read").shown();
    let certificates = &mut read["attestation"]["x509"]["clientCertificates"];
    certificates["primary"] = json!({"info": {"subjectName": "CN=d"}});
    let put = enrollments.put(EnrollmentKind::Individual, "d", read, Precondition::Etag("*"));
    put.expect("changed");
    let chain = [CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).expect("PEM")];
    let presented = Presented::Certificates(&chain);
    let refused = enrollments.admit("d", presented).expect_err("refused");
    assert!(refused.starts_with(NOT_ENROLLED), "{refused}");
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
    let listed = enrollments.page(EnrollmentKind::Individual, None, 2);
    for terms in [&answered, &listed[0]] {
        assert_eq!(
            terms.shown()["attestation"],
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
    let refused = |etag| put(Some(etag)).err().map(|refusal| refusal.status);
    assert_eq!(refused("*"), Some(412), "no enrollment has this id");
    let first = put(None).expect("made").body.etag.clone().expect("an etag");
    let second = put(Some(&first)).expect("changed").body.etag.clone().expect("an etag");
    assert_eq!(refused(&first), Some(412), "changed meanwhile");
    let delete = |etag| enrollments.delete(EnrollmentKind::Individual, "d", Some(etag));
    assert_eq!(delete(first.as_str()).expect_err("changed meanwhile").status, 412);
    delete(&second).expect("gone");
    assert_eq!(delete("*").expect_err("gone already").status, 404);
}

#[test]
fn an_enrollment_for_which_there_is_no_room_is_refused_and_one_that_exists_can_be_changed() {
    let mut enrollments = Enrollments::new("");
    enrollments.limit = 2;
    let put = |kind, id: &str| {
        let enrollment = match kind {
            EnrollmentKind::Individual => Enrollment::individual(id),
            EnrollmentKind::Group => Enrollment::group(id),
        };
        let Enrollment { kind, id, body } = enrollment.symmetric_keys("YQ==", "Yg==");
        enrollments.set(kind, &id, body, Precondition::None).map(|_| ())
    };
    for kind in [EnrollmentKind::Individual, EnrollmentKind::Group] {
        for id in ["a", "b", "a"] {
            put(kind, id).expect("room");
        }
        let refusal = put(kind, "c").expect_err("no room");
        assert_eq!((refusal.status, refusal.error_code), (403, 403_004));
        enrollments.delete(kind, "b", None).expect("deleted");
        put(kind, "c").expect("room again");
    }
}

#[test]
fn an_enrollment_that_exists_is_not_replaced_by_a_created_one() {
    let enrollments = Enrollments::new("");
    let with_keys = |key: &str| Enrollment::individual("d").symmetric_keys(key, key);
    assert!(enrollments.create(with_keys("b25l")).expect("created"));
    let etag = || {
        let found = enrollments.get(EnrollmentKind::Individual, "d").expect("an enrollment");
        found.body.etag.clone()
    };
    let before = etag();
    assert!(!enrollments.create(with_keys("b3RoZXI=")).expect("it exists"));
    assert_eq!(etag(), before);
    let invalid = Enrollment::individual("e").symmetric_keys("%", "%");
    assert!(enrollments.create(invalid).is_err());
}

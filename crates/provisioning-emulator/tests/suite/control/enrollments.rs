//! What enrollments are made of, as service clients write and read them.

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_emulator::{Config, Emulator, Enrollment};
use rumqttc::ConnectReturnCode;
use serde_json::{Value, json};

use super::{call, put};
use crate::support::{Device, connect_packet, http::Answer, in_memory, plain, refusals};

async fn put_group(emulator: &Emulator, certificate: &str) -> Answer {
    let body = json!({"enrollmentGroupId": "g", "attestation": {"type": "x509", "x509": {
        "signingCertificates": {"primary": {"certificate": certificate}},
    }}});
    put(emulator, "/enrollmentGroups/g", &body).await
}

#[tokio::test(start_paused = true)]
async fn certificates_in_pem_base64_of_der_and_base64_of_pem_are_accepted_and_have_their_info() {
    let ca = in_memory();
    let pem = ca.ca_pem();
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [pem.to_owned(), lines, STANDARD.encode(pem)] {
        let emulator = in_memory();
        let created = put_group(&emulator, &text).await;
        assert_eq!(created.status, 200, "{created:?}");
        for answer in [created, call(&emulator, "GET", "/enrollmentGroups/g").await] {
            let info = answer.json()["attestation"]["x509"]["signingCertificates"]["primary"]["info"].take();
            let names = ["subjectName", "issuerName"];
            assert!(names.iter().all(|name| {
                info[name]
                    .as_str()
                    .is_some_and(|text| text.starts_with("CN=DPS emulator CA"))
            }));
            assert_eq!(info["sha1Thumbprint"].as_str().map(str::len), Some(40));
            assert_eq!(info["sha256Thumbprint"].as_str().map(str::len), Some(64));
            for name in ["notBeforeUtc", "notAfterUtc"] {
                assert!(
                    info[name]
                        .as_str()
                        .is_some_and(|text| text.len() == 20 && text.ends_with('Z')),
                    "{info}"
                );
            }
            assert!(info["serialNumber"].is_string() && info["version"] == 3, "{info}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_returned_certificate_has_its_info_that_of_the_emulator_s_ca_too() {
    let emulator = in_memory();
    emulator
        .enroll(Enrollment::individual("d").own_ca())
        .expect("an enrollment");
    let read = call(&emulator, "GET", "/enrollments/d").await.json();
    let certificates = &read["attestation"]["x509"]["clientCertificates"];
    assert!(certificates["primary"]["info"]["subjectName"].is_string(), "{read}");
    let groups = call(&emulator, "POST", "/enrollmentGroups/query").await.json();
    let built_in = groups
        .as_array()
        .expect("groups")
        .iter()
        .find(|it| it["enrollmentGroupId"] == "local-devices");
    let certificates = &built_in.expect("a group")["attestation"]["x509"]["signingCertificates"];
    assert!(certificates["primary"]["info"]["subjectName"].is_string(), "{groups}");
}

#[tokio::test(start_paused = true)]
async fn empty_keys_are_generated_and_nulls_in_a_twin_are_kept() {
    let emulator = in_memory();
    let twin = json!({"tags": {"a": null}, "properties": {"desired": {"b": null, "c": [null]}}});
    let body = json!({
        "registrationId": "d",
        "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "", "secondaryKey": ""}},
        "initialTwin": twin,
    });
    let created = put(&emulator, "/enrollments/d", &body).await;
    assert_eq!(created.json()["initialTwin"], twin, "{created:?}");
    let mechanism = call(&emulator, "POST", "/enrollments/d/attestationmechanism")
        .await
        .json();
    let key = |name: &str| mechanism["symmetricKey"][name].as_str().map(str::len);
    assert_eq!((key("primaryKey"), key("secondaryKey")), (Some(88), Some(88)));
}

#[tokio::test(start_paused = true)]
async fn an_attestation_by_tpm_is_stored_and_admits_no_device() {
    let emulator = in_memory();
    let body = json!({"registrationId": "d", "attestation": {"type": "tpm", "tpm": {"endorsementKey": "YQ=="}}});
    assert_eq!(put(&emulator, "/enrollments/d", &body).await.status, 200);
    let toml = "[[enrollments]]\nregistrationId = \"d\"\nattestation = { type = \"tpm\", tpm = { endorsementKey = \"YQ==\" } }\n";
    Config::parse(toml, "emulator.toml").expect("a configuration");
    let read = call(&emulator, "GET", "/enrollments/d").await.json();
    assert_eq!(read["attestation"]["tpm"]["endorsementKey"], "YQ==", "{read}");
    emulator
        .enroll(Enrollment::individual("d").tpm("YQ=="))
        .expect("an enrollment");
    let mut device = Device::over(plain(&emulator));
    assert_eq!(
        device.connect(connect_packet("d")).await,
        ConnectReturnCode::NotAuthorized
    );
    device.is_closed().await;
    assert_eq!(
        refusals(&emulator),
        ["not authorized: TPM attestation is not supported (by the individual enrollment \"d\")"]
    );
}

/// What is invalid, as JSON and as the TOML of a table, and the member that both must name.
fn invalid() -> Vec<(Value, &'static str, &'static str)> {
    let with_attestation = |attestation: Value| json!({"registrationId": "d", "attestation": attestation});
    vec![
        (
            json!({"registrationId": "d", "customAllocationDefinition": {"webhookUrl": "x", "apiVersion": "1"}}),
            "customAllocationDefinition = { webhookUrl = \"x\", apiVersion = \"1\" }",
            "customAllocationDefinition.webhookUrl",
        ),
        (
            json!({"registrationId": "d", "deviceID": "x"}),
            "deviceID = \"x\"",
            "deviceID",
        ),
        (
            json!({"registrationId": "d", "iotHubs": [""]}),
            "iotHubs = [\"\"]",
            "iotHubs",
        ),
        (
            json!({"registrationId": "d", "initialTwin": 1}),
            "initialTwin = 1",
            "initialTwin",
        ),
        (
            json!({"registrationId": "d", "provisioningStatus": "on"}),
            "provisioningStatus = \"on\"",
            "provisioningStatus",
        ),
        (
            json!({"registrationId": "d", "enrollmentGroupId": "g"}),
            "enrollmentGroupId = \"g\"",
            "enrollmentGroupId",
        ),
        (
            json!({"registrationId": "d", "namespaceName": "abc"}),
            "namespaceName = \"abc\"",
            "certificateAuthorityName",
        ),
        (
            with_attestation(json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": "*"}})),
            "attestation = { type = \"symmetricKey\", symmetricKey = { primaryKey = \"*\" } }",
            "attestation.symmetricKey.primaryKey",
        ),
        (
            with_attestation(json!({"type": "x509", "x509": {"caReferences": {"primary": "ca"}}})),
            "attestation = { type = \"x509\", x509 = { caReferences = { primary = \"ca\" } } }",
            "attestation.x509.caReferences",
        ),
        (
            with_attestation(
                json!({"type": "x509", "x509": {"clientCertificates": {"primary": {"certificate": "-"}}}}),
            ),
            "attestation = { type = \"x509\", x509 = { clientCertificates = { primary = { certificate = \"-\" } } } }",
            "attestation.x509.clientCertificates.primary.certificate",
        ),
        (
            with_attestation(json!({"type": "tpm", "tpm": {}})),
            "attestation = { type = \"tpm\", tpm = {} }",
            "attestation.tpm.endorsementKey",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_configuration_and_the_rest_api_refuse_the_same_and_name_the_same_member() {
    let emulator = in_memory();
    for (json, toml, field) in invalid() {
        let refused = put(&emulator, "/enrollments/d", &json).await;
        assert_eq!(refused.refusal(400), 400_004, "{json}");
        assert!(refused.body.contains(field), "{field} is not in {refused:?}");
        let toml = format!("[[enrollments]]\nregistrationId = \"d\"\n{toml}\n");
        let error = Config::parse(&toml, "emulator.toml").expect_err(field);
        assert!(error.message.contains(field), "{field} is not in {error}");
        let is_absent = !toml.contains(field.rsplit('.').next().unwrap_or(field)) && !field.contains('.');
        assert_eq!(error.line, Some(if is_absent { 1 } else { 3 }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_id_is_refused_everywhere() {
    let emulator = in_memory();
    for id in ["a b", "a.", "ä", &"x".repeat(129)] {
        let path = format!("/enrollments/{}", id.replace(' ', "%20").replace('ä', "%C3%A4"));
        let refused = put(&emulator, &path, &json!({"registrationId": id})).await;
        assert_eq!(refused.refusal(400), 400_004, "{id}");
        assert!(refused.body.contains("registrationId"), "{refused:?}");
        emulator.enroll(Enrollment::individual(id)).expect_err("not an id");
        emulator.enroll(Enrollment::group(id)).expect_err("not an id");
    }
}

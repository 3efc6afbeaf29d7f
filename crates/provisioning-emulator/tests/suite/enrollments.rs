//! Who is let in by which enrollment, where it leads, and what changes while the emulator runs.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use provisioning_emulator::{
    AllocationPolicy, Builder, Config, Device as Issued, DeviceIdentity, Emulator, Enrollment, Link, Port, Security,
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use rumqttc::{ConnectReturnCode, Login};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{
    control::{call, put},
    support::{
        Answer, Device, ID_SCOPE, builder, connect_packet,
        http::Call,
        in_memory, plain, refusals, register_topic,
        tls::{BOTH, connect, connector},
        user_name,
    },
};

const NO_HUBS: [&str; 0] = [];

async fn tls_as(emulator: &Emulator, identity: &DeviceIdentity) -> Device<TlsStream<Link>> {
    let stream = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    let connector = connector(emulator.ca_pem(), Some(identity), &BOTH);
    Device::over(connect(&connector, "localhost", stream).await.expect("TLS"))
}

/// Whether the device is let in; otherwise the log's reason.
async fn admitted(emulator: &Emulator, identity: &DeviceIdentity, id: &str) -> Result<(), String> {
    emulator.clear_log();
    let mut device = tls_as(emulator, identity).await;
    match device.connect(connect_packet(id)).await {
        ConnectReturnCode::Success => Ok(()),
        _ => {
            device.is_closed().await;
            Err(refusals(emulator).pop().unwrap_or_default())
        }
    }
}

fn assert_refused(admitted: &Result<(), String>, reason: &str) {
    let refused = admitted.as_ref().expect_err("refused");
    assert!(refused.starts_with(&format!("not authorized: {reason}")), "{refused}");
}

/// The registration state of a device, over a connection without TLS.
async fn state(emulator: &Emulator, id: &str) -> Value {
    let mut device = Device::ready(plain(emulator), id).await;
    device.register(id).await.body["registrationState"].take()
}

fn emulator() -> Emulator {
    builder()
        .polls_before_assigning(0)
        .start_in_memory()
        .expect("an emulator")
}

#[tokio::test(start_paused = true)]
async fn a_device_is_enrolled_by_its_certificate_or_by_its_thumbprint() {
    let (emulator, stranger) = (emulator(), in_memory());
    let [by_certificate, by_thumbprint] = ["a", "b"].map(|id| stranger.issue_device(id).expect("a certificate"));
    let der = CertificateDer::from_pem_slice(by_thumbprint.certificate_chain_pem.as_bytes()).expect("PEM");
    let thumbprint: Vec<_> = Sha1::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect();
    for enrollment in [
        Enrollment::individual("A").certificate(&by_certificate.certificate_chain_pem),
        Enrollment::individual("b").thumbprint(thumbprint.join(":")),
    ] {
        emulator.enroll(enrollment).expect("an enrollment");
    }
    assert_eq!(admitted(&emulator, &by_certificate, "a").await, Ok(()));
    assert_eq!(admitted(&emulator, &by_thumbprint, "b").await, Ok(()));
    let another = emulator.issue_device("a").expect("a certificate");
    // Its own enrollment counts before the group's.
    let refused = admitted(&emulator, &another, "a").await;
    assert_refused(
        &refused,
        "the certificate is not the enrolled one: subject \"CN=a\", issuer ",
    );
    let refused = refused.expect_err("refused");
    assert!(refused.ends_with(" (by the individual enrollment \"a\")"), "{refused}");
    let expired = emulator
        .issue_device_with(&Issued::new("c").expired())
        .expect("a certificate");
    let enrollment = Enrollment::individual("c").certificate(&expired.certificate_chain_pem);
    emulator.enroll(enrollment).expect("an enrollment");
    assert_refused(
        &admitted(&emulator, &expired, "c").await,
        "the certificate \"CN=c\" has expired on ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_is_enrolled_by_any_certificate_that_the_emulators_ca_signed_for_it() {
    let (emulator, stranger) = (emulator(), in_memory());
    let enrollment = Enrollment::individual("a").own_ca().device_id("a-at-the-hub");
    emulator.enroll(enrollment).expect("an enrollment");
    for made_at_any_time in 0..2 {
        let own = emulator.issue_device("a").expect("a certificate");
        assert_eq!(admitted(&emulator, &own, "a").await, Ok(()), "{made_at_any_time}");
    }
    let others = emulator.issue_device("b").expect("a certificate");
    assert!(
        admitted(&emulator, &others, "a").await.is_err(),
        "it is another device's"
    );
    let foreign = stranger.issue_device("a").expect("a certificate");
    assert_refused(
        &admitted(&emulator, &foreign, "a").await,
        "the certificate is not the enrolled one",
    );
    assert_eq!(state(&emulator, "a").await["deviceId"], "a-at-the-hub");
    let with_another = Enrollment::individual("a").own_ca().thumbprint("00".repeat(20));
    let error = emulator.enroll(with_another).expect_err("which of them?").to_string();
    assert!(error.contains("nothing beside the certificate \"emulator\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_group_accepts_certificates_that_its_ca_signed_directly_or_not_until_it_is_removed() {
    let (emulator, factory) = (emulator(), in_memory());
    let identity = factory
        .issue_device_with(&Issued::new("d").through_an_intermediate())
        .expect("a certificate");
    let outside = "the certificate is outside every enrollment group";
    assert_refused(&admitted(&emulator, &identity, "d").await, outside);
    let group = Enrollment::group("factory").certificate(factory.ca_pem());
    emulator.enroll(group.clone()).expect("an enrollment");
    assert_eq!(admitted(&emulator, &identity, "d").await, Ok(()));
    let mut device = tls_as(&emulator, &identity).await;
    assert_eq!(device.connect(connect_packet("d")).await, ConnectReturnCode::Success);
    device.subscribe().await;
    let state = device.register("d").await.body["registrationState"].take();
    assert_eq!(state["x509"], json!({"enrollmentGroupId": "factory"}));
    assert!(emulator.unenroll(&group) && !emulator.unenroll(&group));
    let answer = device.register("d").await;
    assert_eq!((answer.status, &answer.body["errorCode"]), (404, &json!(404_201)));
    assert_refused(&admitted(&emulator, &identity, "d").await, outside);
}

/// The HMAC-SHA256 of this text: with a group's key and a registration id it is the device's key.
pub(crate) fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

/// Whether the device is let in with a token that this key signed.
pub(crate) async fn admitted_with(emulator: &Emulator, key: &[u8], id: &str) -> bool {
    let resource = format!("{ID_SCOPE}%2Fregistrations%2F{id}");
    let signature = STANDARD.encode(hmac(key, &format!("{resource}\n99999999999")));
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let token = format!("SharedAccessSignature sr={resource}&sig={signature}&se=99999999999");
    let mut connect = connect_packet(id);
    connect.login = Some(Login::new(user_name(id), token));
    Device::over(plain(emulator)).connect(connect).await == ConnectReturnCode::Success
}

#[tokio::test(start_paused = true)]
async fn a_group_accepts_derived_keys_and_a_device_its_own() {
    let emulator = builder()
        .only_enrollments()
        .enrollment(Enrollment::group("g").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5"))
        .enrollment(Enrollment::individual("own").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5"))
        .start_in_memory()
        .expect("an emulator");
    for key in [b"primary".as_slice(), b"secondary"] {
        assert!(admitted_with(&emulator, &hmac(key, "member"), "member").await);
        assert!(!admitted_with(&emulator, &hmac(key, "another"), "member").await);
        assert!(
            !admitted_with(&emulator, key, "member").await,
            "a group's key is no device's"
        );
        assert!(admitted_with(&emulator, key, "own").await);
        assert!(!admitted_with(&emulator, &hmac(key, "own"), "own").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_enrollment_ends_as_disabled_and_an_enabled_one_does_not() {
    let emulator = emulator();
    let enrollment = Enrollment::individual("d").symmetric_keys("a2V5", "a2V5");
    emulator.enroll(enrollment.clone().disabled()).expect("an enrollment");
    let disabled = state(&emulator, "d").await;
    assert_eq!(
        (&disabled["status"], &disabled["assignedHub"]),
        (&json!("disabled"), &Value::Null)
    );
    emulator.enroll(enrollment).expect("an enrollment");
    let enabled = state(&emulator, "d").await;
    assert_eq!(
        (&enabled["status"], &enabled["symmetricKey"]),
        (&json!("assigned"), &json!({}))
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_built_in_groups_only_enrolled_devices_may_register() {
    let emulator = builder()
        .only_enrollments()
        .enrollment(Enrollment::individual("known").symmetric_keys("a2V5", "a2V5"))
        .start_in_memory()
        .expect("an emulator");
    let identity = emulator.issue_device("unknown").expect("a certificate");
    assert_refused(
        &admitted(&emulator, &identity, "unknown").await,
        "no enrollment is for this device: \"unknown\" has no individual enrollment",
    );
}

#[tokio::test(start_paused = true)]
async fn an_invalid_enrollment_is_refused_with_the_reason() {
    for (enrollment, reason) in [
        (
            Enrollment::individual("d").symmetric_keys("no base64!", "a2V5"),
            "primaryKey: expected base64",
        ),
        (
            Enrollment::individual("d").certificate("no PEM"),
            "expected a certificate, in PEM, DER or base64; it is neither PEM nor DER",
        ),
        (Enrollment::individual("d").thumbprint("12:34"), "SHA-1 or SHA-256"),
        (
            Enrollment::group("g").thumbprint("12:34"),
            "signingCertificates: expected the certificate of a CA",
        ),
        (
            Enrollment::group("g").webhook("ftp://hook.test/"),
            "webhookUrl: expected an http or https URL",
        ),
        (
            Enrollment::individual("d").hubs(["a", ""], AllocationPolicy::Static),
            "iotHubs: expected the host names of hubs, none of them empty",
        ),
        (Enrollment::individual("d").tpm(""), "endorsementKey: is missing"),
        (
            Enrollment::individual("d").device_id("d".repeat(200_000)),
            "The enrollment: expected at most 128 KiB of JSON",
        ),
    ] {
        let error = emulator().enroll(enrollment).expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_selects_the_hub_and_custom_allocation_returns_the_payload() {
    let emulator = emulator();
    let hubs = ["one", "two", "three"];
    let enroll = |id: &str, policy| {
        let enrollment = Enrollment::individual(id)
            .device_id(format!("{id}-at-hub"))
            .hubs(hubs, policy);
        emulator.enroll(enrollment).expect("an enrollment");
    };
    enroll("static", AllocationPolicy::Static);
    let fixed = state(&emulator, "static").await;
    assert_eq!(
        (&fixed["assignedHub"], &fixed["deviceId"]),
        (&json!("one"), &json!("static-at-hub"))
    );
    for number in 0..10 {
        let id = format!("near-{number}");
        enroll(&id, AllocationPolicy::GeoLatency);
        assert_eq!(state(&emulator, &id).await["assignedHub"], "one", "always the first");
    }
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..30 {
        let id = format!("device-{number}");
        enroll(&id, AllocationPolicy::Hashed);
        let hub = state(&emulator, &id).await["assignedHub"]
            .as_str()
            .expect("a hub")
            .to_owned();
        assert_eq!(state(&emulator, &id).await["assignedHub"], hub, "the same every time");
        seen.insert(hub);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    for (policy, echo) in [
        (AllocationPolicy::Custom, json!([1])),
        (AllocationPolicy::Static, Value::Null),
    ] {
        enroll("webhook", policy);
        let mut device = Device::ready(plain(&emulator), "webhook").await;
        let body = json!({"registrationId": "webhook", "payload": [1]}).to_string();
        let answer = device.request(&register_topic("r"), &body).await;
        assert_eq!(answer.body["registrationState"]["payload"], echo, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn registering_again_moves_a_device_as_its_enrollment_allows() {
    let emulator = emulator();
    let enroll = |hub: &str, update, migrate| {
        let enrollment = Enrollment::individual("d").hubs([hub], AllocationPolicy::Static);
        emulator
            .enroll(enrollment.reprovisioning(update, migrate))
            .expect("an enrollment");
    };
    for (hub, update, migrate, assigned, substatus) in [
        ("one", true, true, "one", "initialAssignment"),
        ("one", true, true, "one", "initialAssignment"),
        ("two", false, true, "one", "initialAssignment"),
        ("two", true, true, "two", "deviceDataMigrated"),
        ("three", true, false, "three", "deviceDataReset"),
        ("one", true, false, "one", "reprovisionedToInitialAssignment"),
    ] {
        enroll(hub, update, migrate);
        let state = state(&emulator, "d").await;
        assert_eq!(
            (&state["assignedHub"], &state["substatus"]),
            (&json!(assigned), &json!(substatus))
        );
    }
}

/// The answer to a registration with a CSR for `common_name`, spoken with this api-version; and the CSR's key.
async fn with_csr(emulator: &Emulator, id: &str, common_name: &str, api_version: &str) -> (Answer, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    (with_csr_of(emulator, id, common_name, api_version, &key).await, key)
}

/// As [`with_csr`], with this key.
async fn with_csr_of(emulator: &Emulator, id: &str, common_name: &str, api_version: &str, key: &KeyPair) -> Answer {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let csr = STANDARD.encode(params.serialize_request(key).expect("a request").der());
    let body = json!({"registrationId": id, "csr": csr}).to_string();
    request(emulator, id, api_version, &body).await
}

async fn request(emulator: &Emulator, id: &str, api_version: &str, body: &str) -> Answer {
    let mut device = Device::over(plain(emulator));
    let mut connect = connect_packet(id);
    connect.login = Some(Login::new(user_name(id).replace("2019-03-31", api_version), ""));
    assert_eq!(device.connect(connect).await, ConnectReturnCode::Success);
    device.subscribe().await;
    device.request(&register_topic("r"), body).await
}

#[tokio::test(start_paused = true)]
async fn the_certificate_that_is_issued_for_a_csr_admits_the_device() {
    let emulator = emulator();
    let (answer, key) = with_csr(&emulator, "d", "D", "2025-07-01-preview").await;
    let chain = answer.body["registrationState"]["issuedCertificateChain"]
        .as_array()
        .expect("a chain")
        .clone();
    let chain: Vec<_> = chain
        .iter()
        .map(|der| STANDARD.decode(der.as_str().expect("text")).expect("base64"))
        .collect();
    assert_eq!(chain.len(), 2);
    let ca = CertificateDer::from_pem_slice(emulator.ca_pem().as_bytes()).expect("PEM");
    assert_eq!(chain[1], ca.as_ref());
    let (_, leaf) = X509Certificate::from_der(&chain[0]).expect("a certificate");
    let name = leaf.subject().iter_common_name().next().expect("a common name");
    assert_eq!(name.as_str(), Ok("d"), "the registration id, as the device wrote it");
    assert_eq!(
        leaf.public_key().raw,
        rcgen::PublicKeyData::subject_public_key_info(&key)
    );
    let mut pem = emulator.issue_device("d").expect("a certificate");
    pem.certificate_chain_pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(&chain[0])
    );
    pem.private_key_pem = key.serialize_pem();
    assert_eq!(admitted(&emulator, &pem, "d").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_strict_emulator_accepts_signing_requests_with_p_384_keys_only() {
    for (strict, kind, status) in [
        (true, &PKCS_ECDSA_P384_SHA384, 200),
        (true, &PKCS_ECDSA_P256_SHA256, 400),
        (false, &PKCS_ECDSA_P256_SHA256, 200),
    ] {
        let settings = builder().polls_before_assigning(0).strict_csr(strict);
        let emulator = settings.start_in_memory().expect("an emulator");
        let key = KeyPair::generate_for(kind).expect("a key");
        for version in ["2026-11-01", "2026-11-02-preview", "2031-01-01"] {
            let answer = with_csr_of(&emulator, "d", "d", version, &key).await;
            assert_eq!(answer.status, status, "{strict} {version} {answer:?}");
            let message = answer.body["message"].as_str().unwrap_or("P-384");
            assert!(message.contains("P-384"), "{answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_references_to_a_certificate_policy_are_complete_and_valid_or_refused() {
    let emulator = emulator();
    let put = async |references: Value| {
        let mut body = json!({"registrationId": "d", "attestation": {"type": "symmetricKey"}});
        body.as_object_mut()
            .expect("an object")
            .extend(references.as_object().expect("an object").clone());
        let call = Call::new(&emulator, "PUT", "/enrollments/d").header("If-Match", "*");
        call.json(&body).send(&emulator).await
    };
    emulator.enroll(Enrollment::individual("d")).expect("an enrollment");
    let (namespace, authority, policy) = ("namespaceName", "certificateAuthorityName", "certificatePolicyName");
    let complete = json!({namespace: "my-namespace", authority: "my-ca", policy: "my-policy"});
    let stored = put(complete.clone()).await.json();
    for name in [namespace, authority, policy] {
        assert_eq!(stored[name], complete[name]);
        let mut partial = complete.clone();
        partial.as_object_mut().expect("an object").remove(name);
        let refused = put(partial).await;
        assert_eq!(refused.refusal(400), 400_004);
        assert!(
            refused.body.contains(name) && refused.body.contains("all three"),
            "{refused:?}"
        );
        for invalid in ["ab", "With-Capitals", "under_score", &"x".repeat(65)] {
            let mut wrong = complete.clone();
            wrong[name] = json!(invalid);
            let refused = put(wrong).await;
            assert_eq!(refused.refusal(400), 400_004, "{invalid}");
            assert!(refused.body.contains(name), "{refused:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_csr_gets_a_chain_from_an_enrollment_with_a_certificate_policy_only() {
    let start = |builder: Builder| {
        builder
            .polls_before_assigning(0)
            .start_in_memory()
            .expect("an emulator")
    };
    let configured = |toml: &str| {
        let config = Config::parse(toml, "emulator.toml").unwrap_or_else(|error| panic!("{error}"));
        start(builder().config(&config))
    };
    let policy =
        "namespaceName = \"ns-1\"\ncertificateAuthorityName = \"ca-1\"\ncertificatePolicyName = \"policy-1\"\n";
    let enrolled = "[[enrollments]]\nregistrationId = \"d\"\nattestation = { type = \"symmetricKey\" }\n";
    let group = Enrollment::group("g").own_ca().without_certificate_policy();
    let mut emulators = vec![
        (start(builder()), true),
        (
            start(builder().device(Issued::new("d").symmetric_keys("a2V5", "a2V5"))),
            true,
        ),
        (start(builder().enrollment(Enrollment::individual("d"))), true),
        (configured("[[devices]]\nregistrationId = \"d\"\n"), true),
        (configured(&format!("{enrolled}{policy}")), true),
        (configured(enrolled), false),
        (
            configured(&format!(
                "{enrolled}[[devices]]\nregistrationId = \"d\"\nissuedCertificateChain = []\n"
            )),
            true,
        ),
        (
            start(builder().enrollment(Enrollment::individual("d").without_certificate_policy())),
            false,
        ),
        (start(builder().only_enrollments().enrollment(group)), false),
    ];
    let attestation = json!({"type": "symmetricKey"});
    for (body, has_policy) in [
        (json!({"registrationId": "d", "attestation": attestation}), false),
        (
            json!({"registrationId": "d", "attestation": attestation, "namespaceName": "ns-1",
                "certificateAuthorityName": "ca-1", "certificatePolicyName": "policy-1"}),
            true,
        ),
    ] {
        let emulator = start(builder());
        assert_eq!(put(&emulator, "/enrollments/d", &body).await.status, 200);
        emulators.push((emulator, has_policy));
    }
    for (number, (emulator, has_chain)) in emulators.iter().enumerate() {
        let (answer, _) = with_csr(emulator, "d", "d", "2025-07-01-preview").await;
        let state = &answer.body["registrationState"];
        assert_eq!(state["status"], "assigned", "{number} {answer:?}");
        assert_eq!(
            state["issuedCertificateChain"].is_array(),
            *has_chain,
            "{number} {answer:?}"
        );
        assert_eq!(
            state.get("issuedCertificateChain").is_some(),
            *has_chain,
            "{number} {answer:?}"
        );
    }
    for group in ["local-devices", "local-keys"] {
        let shown = call(&emulators[0].0, "GET", &format!("/enrollmentGroups/{group}"))
            .await
            .json();
        for name in ["namespaceName", "certificateAuthorityName", "certificatePolicyName"] {
            assert!(shown[name].is_string(), "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_csr_is_an_unknown_member_in_an_older_api_version_and_a_bad_one_is_refused() {
    let emulator = emulator();
    let (unknown, _) = with_csr(&emulator, "d", "d", "2021-10-01").await;
    assert_eq!(
        (unknown.status, &unknown.body["errorCode"]),
        (400, &json!(400_012)),
        "{unknown:?}"
    );
    let (other, _) = with_csr(&emulator, "d", "somebody-else", "2025-07-01-preview").await;
    assert_eq!(other.status, 400);
    for csr in [json!("*"), json!("AAAA"), json!(1)] {
        let body = json!({"registrationId": "d", "csr": csr}).to_string();
        assert_eq!(
            request(&emulator, "d", "2025-07-01-preview", &body).await.status,
            400,
            "{csr}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_csr_can_have_any_chain_or_none() {
    for (device, expected) in [
        (
            Issued::new("d").issued_certificate_chain(json!(null)),
            Some(json!(null)),
        ),
        (
            Issued::new("d").issued_certificate_chain(json!(["*"])),
            Some(json!(["*"])),
        ),
        (Issued::new("d").without_issued_certificate(), None),
    ] {
        let emulator = builder()
            .polls_before_assigning(0)
            .device(device)
            .start_in_memory()
            .expect("an emulator");
        let (answer, _) = with_csr(&emulator, "d", "d", "2025-07-01-preview").await;
        let chain = answer.body["registrationState"].get("issuedCertificateChain").cloned();
        assert_eq!(chain, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_connection_profile_is_in_answers_of_api_versions_that_have_it() {
    let emulator = builder()
        .polls_before_assigning(0)
        .connection_profile("mqttV5")
        .enrollment(Enrollment::individual("d").hubs(NO_HUBS, AllocationPolicy::Static))
        .start_in_memory()
        .expect("an emulator");
    for (version, profile) in [
        ("2025-07-01-preview", None),
        ("2026-11-02-preview", Some(json!("mqttV5"))),
    ] {
        let answer = request(&emulator, "d", version, r#"{"registrationId":"d"}"#).await;
        assert_eq!(
            answer.body["registrationState"].get("connectionProfile").cloned(),
            profile
        );
    }
}

//! Devices that are made at run time.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_emulator::{Builder, Effect, Emulator, Enrollment, Fault, Port, Security, Step};
use serde_json::{Value, json};

use super::{call, enrollment, put};
use crate::{
    enrollments::admitted_with,
    support::{
        Answer as Registered, Device, ID_SCOPE, builder,
        http::{Answer, Call},
        in_memory,
        tls::{connect, connector_with, identity},
    },
};

async fn make(emulator: &Emulator, body: &Value) -> Answer {
    let call = Call::new(emulator, "POST", "/emulator/devices");
    call.json(body).send(emulator).await
}

fn start(builder: Builder) -> Emulator {
    builder.start_in_memory().expect("an emulator")
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}"))
}

/// Registers over TLS with nothing but what the call answered.
async fn registered(emulator: &Emulator, made: &Value) -> Registered {
    let id = text(made, "registrationId");
    let identity = identity(text(made, "certificate"), text(made, "privateKey"));
    let connector = connector_with(text(made, "ca"), identity);
    let stream = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    let stream = connect(&connector, "localhost", stream).await.expect("TLS");
    Device::ready(stream, id).await.register(id).await
}

fn key_of(made: &Value) -> Vec<u8> {
    STANDARD.decode(text(made, "symmetricKey")).expect("base64")
}

/// The first is admitted by a built-in group; without groups, the device gets an enrollment of its own.
#[tokio::test(start_paused = true)]
async fn a_device_with_a_certificate_is_made_and_registers_with_what_the_answer_has() {
    for (builder, own) in [(builder(), 404), (builder().only_enrollments(), 200)] {
        let emulator = start(builder.polls_before_assigning(0));
        let body = json!({"registrationId": "Pump-1", "certificate": {"key": "p384", "intermediate": true}});
        let made = make(&emulator, &body).await.json();
        assert_eq!(
            (text(&made, "registrationId"), text(&made, "idScope")),
            ("Pump-1", ID_SCOPE)
        );
        assert_eq!(text(&made, "certificate").matches("BEGIN CERTIFICATE").count(), 2);
        assert!(made.get("mqttAddress").is_none(), "it does not listen: {made}");
        assert_eq!(registered(&emulator, &made).await.status, 200);
        assert_eq!(call(&emulator, "GET", "/enrollments/pump-1").await.status, own);
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_with_a_key_gets_the_derived_one_or_that_of_its_own_enrollment() {
    let emulator = in_memory();
    let with_key = |id: &str| json!({"registrationId": id, "attestation": "symmetricKey"});
    let derived = make(&emulator, &with_key("d")).await.json();
    assert_eq!(
        Some(text(&derived, "symmetricKey")),
        emulator.device_key("d").as_deref()
    );
    assert!(admitted_with(&emulator, &key_of(&derived), "d").await);
    assert_eq!(call(&emulator, "GET", "/enrollments/d").await.status, 404);

    let mut own = with_key("own");
    own["ownEnrollment"] = json!(true);
    let made = make(&emulator, &own).await.json();
    assert!(admitted_with(&emulator, &key_of(&made), "own").await);
    assert_eq!(call(&emulator, "GET", "/enrollments/own").await.status, 200);
    // Made again, it keeps its key.
    assert_eq!(make(&emulator, &own).await.json()["symmetricKey"], made["symmetricKey"]);

    let without_groups = start(builder().only_enrollments());
    let made = make(&without_groups, &with_key("d")).await.json();
    assert!(admitted_with(&without_groups, &key_of(&made), "d").await);
}

#[tokio::test(start_paused = true)]
async fn a_device_with_an_enrollment_for_another_credential_is_a_conflict() {
    let emulator = start(builder().enrollment(Enrollment::individual("ca").own_ca()));
    put(&emulator, "/enrollments/key", &enrollment("key")).await;
    for (body, reason) in [
        (
            json!({"registrationId": "KEY"}),
            "not for certificates of the emulator's CA",
        ),
        (
            json!({"registrationId": "ca", "attestation": "symmetricKey"}),
            "not for symmetric keys",
        ),
    ] {
        let refused = make(&emulator, &body).await;
        assert_eq!(refused.refusal(409), 409_201);
        assert!(refused.body.contains(reason), "{refused:?}");
        assert!(refused.body.contains("DELETE /enrollments/"), "{refused:?}");
    }
    // An expired certificate is what was asked for.
    let expired = json!({"registrationId": "ca", "certificate": {"expired": true}});
    assert_eq!(make(&emulator, &expired).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_device_behaves_as_a_table_of_the_configuration_says_and_as_the_latest_one() {
    let emulator = start(builder().polls_before_assigning(0));
    let other = Fault::new(Effect::Withhold, Step::Pingresp).expect("a fault");
    emulator.inject(other.clone());
    emulator.inject(other.clone().device("d"));
    let body = json!({"registrationId": "d", "failed": {"errorCode": 400_209, "message": "no"}});
    let made = make(&emulator, &body).await.json();
    let state = registered(&emulator, &made).await.body["registrationState"].take();
    assert_eq!(
        (&state["status"], &state["errorCode"]),
        (&json!("failed"), &json!(400_209))
    );

    let made = make(&emulator, &json!({"registrationId": "D", "disabled": true}))
        .await
        .json();
    let state = registered(&emulator, &made).await.body["registrationState"].take();
    assert_eq!(state["status"], "disabled", "the latest description counts");

    make(&emulator, &json!({"registrationId": "d"})).await;
    assert_eq!(
        emulator.faults().len(),
        2,
        "without behaviour, the faults of the device stay"
    );
    assert_eq!(emulator.faults()[0], other);
}

/// The words are those of the configuration.
#[tokio::test(start_paused = true)]
async fn an_invalid_device_is_refused_in_the_words_of_the_configuration_and_changes_nothing() {
    let emulator = in_memory();
    for (body, reason) in [
        (json!([]), "expected"),
        (json!({}), "missing field `registrationId`"),
        (
            json!({"registrationId": "a b"}),
            "registrationId \"a b\": expected 1 to 128 letters",
        ),
        (json!({"registrationId": "d", "colour": 1}), "unknown field `colour`"),
        (
            json!({"registrationId": "d", "certificate": {"key": "p512"}}),
            "certificate.key: unknown value",
        ),
        (
            json!({"registrationId": "d", "certificate": {"expired": true, "notYetValid": true}}),
            "registrationId d: expected only one of certificate.expired, certificate.notYetValid",
        ),
        (
            json!({"registrationId": "d", "refused": {"status": 200, "errorCode": 1, "message": ""}}),
            "registrationId d: refused.status is 200; expected 300 to 599",
        ),
        (
            json!({"registrationId": "d", "attestation": "tpm"}),
            "attestation: unknown value",
        ),
        (
            json!({"registrationId": "d", "ownEnrollment": 1}),
            "ownEnrollment: invalid type",
        ),
        (
            json!({"registrationId": "d", "attestation": "symmetricKey", "certificate": {}}),
            "certificate: a device with a symmetric key has none",
        ),
    ] {
        let refused = make(&emulator, &body).await;
        assert_eq!(refused.refusal(400), 400_004, "{body}");
        let message = refused.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(reason), "{body}: {message}");
    }
    assert_eq!(emulator.faults(), []);
    assert_eq!(call(&emulator, "POST", "/enrollments/query").await.json(), json!([]));
}

#[tokio::test]
async fn a_made_device_is_told_the_addresses_on_which_the_emulator_listens() {
    let emulator = builder().control_port(0).start().await.expect("an emulator");
    let made = make(&emulator, &json!({"registrationId": "d"})).await.json();
    assert_eq!(text(&made, "mqttAddress"), emulator.mqtt_address());
    assert_eq!(text(&made, "wsAddress"), emulator.websocket_address());
    crate::support::stop(emulator).await;
}

/// Whichever comes first, the other one is told: neither replaces the enrollment of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_and_an_enrollment_that_are_made_at_the_same_time_do_not_replace_each_other() {
    let emulator = Arc::new(start(builder().only_enrollments()));
    for number in 0..200 {
        let id = format!("d-{number}");
        let body = json!({"registrationId": id, "ownEnrollment": true});
        let making = tokio::spawn({
            let emulator = Arc::clone(&emulator);
            async move { make(&emulator, &body).await }
        });
        let enrolled = put(&emulator, &format!("/enrollments/{id}"), &enrollment(&id)).await;
        let made = making.await.expect("no panic");
        let statuses = (enrolled.status, made.status);
        assert!([(200, 409), (409, 200)].contains(&statuses), "{statuses:?}");
    }
}

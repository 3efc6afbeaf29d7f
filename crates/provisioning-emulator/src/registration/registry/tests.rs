//! Operations: their answers and their outcomes.

use serde_json::json;

use super::*;
use crate::enrollment::AttestationKind;

fn registry() -> Registry {
    let rules = Rules {
        polls: 1,
        retry_after: RetryAfter::Seconds(3),
        hubs: vec!["hub".into()],
        connection_profile: "classic".into(),
        strict_csr: false,
    };
    Registry::new(rules, Arc::new(Authority::generate().expect("a CA")))
}

fn register(registry: &Registry, id: &str, body: &[u8], effects: &[(Step, Effect)]) -> Result<Answer, Refusal> {
    let allocation = Allocation {
        attestation: AttestationKind::X509,
        group: None,
        is_enabled: true,
        device_id: None,
        hubs: vec![],
        policy: AllocationPolicy::Custom,
        reprovision: Default::default(),
        webhook: None,
        issues_certificates: false,
    };
    let client = Client {
        registration_id: id,
        api_version: "2019-03-31",
        connection: None,
    };
    let fault = |step| {
        effects
            .iter()
            .find(|(at, _)| *at == step)
            .map(|(_, effect)| effect.clone())
    };
    let (answer, _) = registry.register(client, body, Some(Arc::new(allocation)), fault)?;
    Ok(answer)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn id(answer: Answer) -> String {
    answer.operation_id.expect("an id")
}

fn query(registry: &Registry, id: &str, operation_id: &str) -> Result<Answer, Refusal> {
    registry.query(id, operation_id, |_| None)
}

const REQUEST: &[u8] = br#"{"registrationId":"Device","payload":null}"#;

#[test]
fn a_device_is_assigned_after_its_polls_under_the_id_that_it_connected_with() {
    let registry = registry();
    let two = [(Step::Polling, Effect::Polls(2))];
    let first = register(&registry, "Device", REQUEST, &two).expect("accepted");
    assert_eq!((first.status, &body(&first)["status"]), (202, &json!("assigning")));
    assert_eq!(first.retry_after, RetryAfter::Seconds(3));
    let id = &id(first);
    assert_eq!(query(&registry, "DEVICE", id).expect("found").status, 202);
    let done = query(&registry, "device", id).expect("found");
    assert_eq!(
        (done.status, &body(&done)["registrationState"]["deviceId"]),
        (200, &json!("Device"))
    );
    assert_eq!(body(&done)["registrationState"]["payload"], Value::Null);
    assert_eq!(done.outcome.as_deref(), Some("assigned to hub"));
    let again = query(&registry, "device", id).expect("an operation can be queried again");
    assert_eq!(again, Answer { outcome: None, ..done }, "the outcome is told once");
}

#[test]
fn another_devices_operation_is_not_found() {
    let registry = registry();
    let answer = register(&registry, "device", REQUEST, &[]).expect("accepted");
    let id = &id(answer);
    let refused = query(&registry, "other", id).expect_err("not found");
    assert_eq!((refused.status, refused.error_code), (404, 404_203));
}

#[test]
fn failed_and_disabled_are_in_the_body() {
    let fail = Effect::Fail {
        error_code: 400_209,
        message: "no hub".into(),
    };
    for (effect, status) in [(fail, "failed"), (Effect::Disable, "disabled")] {
        let effects = [(Step::Polling, Effect::Polls(0)), (Step::Outcome, effect)];
        let answer = register(&registry(), "device", REQUEST, &effects).expect("accepted");
        assert_eq!((answer.status, &body(&answer)["status"]), (200, &json!(status)));
        let code = &body(&answer)["registrationState"]["errorCode"];
        assert_eq!(code.is_number(), status == "failed", "{answer:?}");
    }
}

//! What operators do with the Python service SDK at the emulator's control endpoint.

use provisioning_device::SymmetricKey;
use provisioning_emulator::Emulator;
use serde_json::{Value, json};

use super::{install, script};
use crate::support::LocalDps;

const PRIMARY_KEY: &str = "c29tZSBrZXkgZm9yIHRoZSBpbnRlcm9wIHJ1bjE=";
const SECONDARY_KEY: &str = "c29tZSBrZXkgZm9yIHRoZSBpbnRlcm9wIHJ1bjI=";

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn an_enrollment_is_created_updated_read_and_deleted() {
    let dps = start().await;
    let created = done(&dps, "put", json!({"id": "a"})).await;
    assert_eq!(created["device_id"], "the-device", "{created}");
    let second = perform(&dps, "put", json!({"id": "a"})).await;
    assert!(
        second["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("409")),
        "{second}"
    );
    let updated = done(&dps, "update", json!({"id": "a"})).await;
    assert_eq!(updated["provisioning_status"], "disabled", "{updated}");
    let keys = done(&dps, "keys", json!({"id": "a"})).await;
    assert_eq!(keys["symmetric_key"]["primary_key"], PRIMARY_KEY, "{keys}");
    assert_eq!(done(&dps, "delete", json!({"id": "a"})).await, Value::Null);
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn a_group_is_created_and_groups_with_certificates_are_read() {
    let dps = start().await;
    let created = done(&dps, "put_group", json!({"id": "g"})).await;
    assert_eq!(created["enrollment_group_id"], "g", "{created}");
    let read = done(&dps, "get_group", json!({"id": "local-devices"})).await;
    let info = &read["attestation"]["x509"]["signing_certificates"]["primary"]["info"];
    assert!(
        info["subject_name"].is_string() && info["version"].is_number(),
        "{read}"
    );
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn enrollments_are_changed_in_bulk() {
    let dps = start().await;
    for mode in ["create", "update", "delete"] {
        let result = done(&dps, "bulk", json!({"mode": mode, "ids": ["a", "b"]})).await;
        assert_eq!(result["is_successful"], true, "{mode}: {result}");
    }
    let result = done(&dps, "bulk", json!({"mode": "delete", "ids": ["a"]})).await;
    assert_eq!(result["errors"][0]["registration_id"], "a", "{result}");
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn every_query_returns_its_items_page_by_page() {
    let dps = start().await;
    let key = SymmetricKey::from_base64(&dps.emulator.group_key()).expect("a key");
    let client = dps.client(key.derive(&"member".parse().expect("an id")));
    let client = client.with_registration_id("member").build().expect("a client");
    client.register().await.expect("assigned");
    done(&dps, "bulk", json!({"mode": "create", "ids": ["a", "b", "c"]})).await;
    for text in ["SELECT * FROM enrollments", "*", "anything"] {
        let pages = done(&dps, "query", json!({"text": text, "size": 2})).await;
        assert_eq!(pages, json!([["a", "b"], ["c"]]), "{text}");
        let pages = done(&dps, "query_groups", json!({"text": text})).await;
        assert_eq!(pages, json!([["local-devices", "local-keys"]]), "{text}");
    }
    let pages = done(&dps, "query_registrations", json!({"id": "local-keys"})).await;
    assert_eq!(pages, json!([["member"]]));
    let state = done(&dps, "registration", json!({"id": "member"})).await;
    assert_eq!(state["status"], "assigned", "{state}");
}

async fn start() -> LocalDps {
    LocalDps::start_with(Emulator::builder().control_port(0)).await
}

/// The result of a call that succeeds.
async fn done(dps: &LocalDps, call: &str, task: Value) -> Value {
    let mut result = perform(dps, call, task).await;
    assert!(result.get("done").is_some(), "{call}: {result}");
    result["done"].take()
}

/// Makes one call with the SDK, and returns its result: `done` or `error`.
async fn perform(dps: &LocalDps, call: &str, mut task: Value) -> Value {
    task["do"] = call.into();
    task["connectionString"] = dps.emulator.connection_string().into();
    task["ca"] = json!(dps.file("ca.pem"));
    (task["primaryKey"], task["secondaryKey"]) = (PRIMARY_KEY.into(), SECONDARY_KEY.into());
    let command = install::python_service("service.py").await;
    let (result, _) = script::ask("the Python service SDK", command, dps, &task).await;
    result
}

//! Calls of operators with the Node service SDK to the emulator's control endpoint. Each test is one call, or a
//! registration with the enrollment that the call has created.

use provisioning_device::{Assignment, SymmetricKey};
use provisioning_emulator::{Emulator, Enrollment, LogEntry, LogKind};
use serde_json::{Value, json};

use super::{PAYLOAD, install, script};
use crate::support::LocalDps;

const ID: &str = "operated-1";
const PRIMARY_KEY: &str = "c29tZSBrZXkgZm9yIHRoZSBpbnRlcm9wIHJ1bjE=";
const SECONDARY_KEY: &str = "c29tZSBrZXkgZm9yIHRoZSBpbnRlcm9wIHJ1bjI=";

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn an_enrollment_is_created() {
    let dps = start().await;
    let result = perform(&dps, "put", json!({"enrollment": individual()})).await;
    assert!(result["done"]["etag"].is_string(), "{result}");
    assert_changes(&dps, 1);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn a_second_enrollment_is_created() {
    let dps = start_with(&["operated-2"]).await;
    let result = perform(&dps, "put", json!({"enrollment": individual()})).await;
    assert!(result["done"]["etag"].is_string(), "{result}");
    assert_changes(&dps, 1);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn an_enrollment_is_read() {
    let dps = start_with(&[ID]).await;
    let result = perform(&dps, "get", json!({"id": ID})).await;
    assert_eq!(result["done"]["deviceId"], "the-device", "{result}");
    assert_changes(&dps, 0);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn the_keys_of_an_enrollment_are_read() {
    let dps = start_with(&[ID]).await;
    let result = perform(&dps, "keys", json!({"id": ID})).await;
    assert_eq!(result["done"]["symmetricKey"]["primaryKey"], PRIMARY_KEY, "{result}");
    assert_changes(&dps, 0);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn a_query_returns_pages() {
    let dps = start_with(&[ID, "operated-2"]).await;
    let result = perform(&dps, "query", json!({"text": "select * from enrollments", "size": 1})).await;
    let pages = result["done"].as_array().unwrap_or_else(|| panic!("{result}"));
    let are_single = pages
        .iter()
        .all(|page| page.as_array().is_some_and(|page| page.len() == 1));
    let has = |id| pages.iter().any(|page| page[0]["registrationId"] == id);
    assert!(are_single && has(ID) && has("operated-2"), "{result}");
    assert_changes(&dps, 0);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn an_enrollment_is_disabled() {
    let dps = start_with(&[ID]).await;
    let mut enrollment = perform(&dps, "get", json!({"id": ID})).await["done"].take();
    enrollment["provisioningStatus"] = "disabled".into();
    let result = perform(&dps, "put", json!({"enrollment": enrollment})).await;
    assert_eq!(result["done"]["provisioningStatus"], "disabled", "{result}");
    assert_changes(&dps, 1);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn an_enrollment_that_exists_is_a_conflict_without_its_etag() {
    let dps = start_with(&[ID]).await;
    let result = perform(&dps, "put", json!({"enrollment": individual()})).await;
    assert_eq!(result["error"]["status"], 409, "{result}");
    assert_changes(&dps, 0);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn an_enrollment_is_deleted() {
    let dps = start_with(&[ID]).await;
    let result = perform(&dps, "delete", json!({"id": ID})).await;
    assert!(result.get("done").is_some(), "{result}");
    assert_changes(&dps, 1);
    assert!(
        !dps.emulator.unenroll(&Enrollment::individual(ID)),
        "it is still enrolled"
    );
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn an_enrollment_that_does_not_exist_is_not_found() {
    let dps = start().await;
    let result = perform(&dps, "get", json!({"id": ID})).await;
    assert_eq!(result["error"]["status"], 404, "{result}");
    assert_changes(&dps, 0);
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn a_group_is_created_and_a_device_of_the_group_registers() {
    let dps = start().await;
    let enrollment = json!({"enrollmentGroupId": ID, "attestation": keys()});
    let result = perform(&dps, "putGroup", json!({"enrollment": enrollment})).await;
    assert!(result["done"]["etag"].is_string(), "{result}");
    assert_changes(&dps, 1);
    let device = "device-of-the-group";
    let key = SymmetricKey::from_base64(SECONDARY_KEY).expect("a key");
    register(&dps, key.derive(&device.parse().expect("an id")), device).await;
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn a_group_is_deleted() {
    let dps = start().await;
    let group = Enrollment::group(ID);
    dps.emulator.enroll(group.clone()).expect("an enrollment");
    let result = perform(&dps, "deleteGroup", json!({"id": ID})).await;
    assert!(result.get("done").is_some(), "{result}");
    assert_changes(&dps, 1);
    assert!(!dps.emulator.unenroll(&group), "it is still enrolled");
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn enrollments_are_changed_in_bulk() {
    let dps = start().await;
    let enrollments: Vec<Value> = (0..10)
        .map(|number| {
            let mut enrollment = individual();
            enrollment["registrationId"] = format!("bulk-{number}").into();
            enrollment
        })
        .collect();
    for mode in ["create", "update", "delete"] {
        let result = perform(&dps, "bulk", json!({"mode": mode, "enrollments": enrollments})).await;
        assert_eq!(result["done"]["isSuccessful"], true, "{mode}: {result}");
    }
    let result = perform(&dps, "bulk", json!({"mode": "delete", "enrollments": enrollments[..1]})).await;
    assert_eq!(result["done"]["errors"][0]["registrationId"], "bulk-0", "{result}");
    let many: Vec<_> = enrollments.iter().chain(&enrollments[..1]).collect();
    let result = perform(&dps, "bulk", json!({"mode": "create", "enrollments": many})).await;
    assert_eq!(result["error"]["status"], 400, "{result}");
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn every_query_returns_its_items_whatever_its_text_is() {
    let dps = start_with(&[ID]).await;
    let key = SymmetricKey::from_base64(&dps.emulator.group_key()).expect("a key");
    register(&dps, key.derive(&"member".parse().expect("an id")), "member").await;
    for text in ["", "*", "SELECT *", "select * from enrollments where x", "slect"] {
        let result = perform(&dps, "query", json!({"text": text})).await;
        assert_eq!(result["done"][0][0]["registrationId"], ID, "{text:?}: {result}");
        let result = perform(&dps, "queryGroups", json!({"text": text, "size": 1})).await;
        assert_eq!(
            result["done"][0][0]["enrollmentGroupId"], "local-devices",
            "{text:?}: {result}"
        );
        assert_eq!(
            result["done"][1][0]["enrollmentGroupId"], "local-keys",
            "{text:?}: {result}"
        );
        let result = perform(&dps, "queryRegistrations", json!({"text": text, "id": "local-keys"})).await;
        assert_eq!(result["done"][0][0]["registrationId"], "member", "{text:?}: {result}");
    }
    let result = perform(&dps, "registration", json!({"id": "member"})).await;
    assert_eq!(result["done"]["status"], "assigned", "{result}");
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn a_group_and_its_keys_are_read() {
    let dps = start().await;
    let enrollment = json!({"enrollmentGroupId": ID, "attestation": keys()});
    perform(&dps, "putGroup", json!({"enrollment": enrollment})).await;
    let result = perform(&dps, "getGroup", json!({"id": ID})).await;
    assert_eq!(result["done"]["enrollmentGroupId"], ID, "{result}");
    let result = perform(&dps, "groupKeys", json!({"id": ID})).await;
    assert_eq!(result["done"]["symmetricKey"]["primaryKey"], PRIMARY_KEY, "{result}");
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn a_device_registers_by_an_enrollment_with_custom_allocation_and_no_webhook() {
    let dps = start().await;
    let mut enrollment = individual();
    enrollment["allocationPolicy"] = "custom".into();
    enrollment["iotHubs"] = json!(["interop.azure-devices.net"]);
    let result = perform(&dps, "put", json!({"enrollment": enrollment})).await;
    assert_eq!(result["done"]["allocationPolicy"], "custom", "{result}");
    let key = SymmetricKey::from_base64(SECONDARY_KEY).expect("a key");
    let assignment = register(&dps, key, ID).await;
    assert_eq!(assignment.assigned_hub(), "interop.azure-devices.net");
    assert_eq!(assignment.state().payload(), Some(&PAYLOAD.parse().expect("JSON")));
}

async fn start() -> LocalDps {
    start_with(&[]).await
}

/// Starts an emulator with a control endpoint, in which these devices are enrolled.
async fn start_with(ids: &[&str]) -> LocalDps {
    let dps = LocalDps::start_with(Emulator::builder().control_port(0)).await;
    for id in ids {
        let enrollment = Enrollment::individual(*id).device_id("the-device");
        let enrollment = enrollment.symmetric_keys(PRIMARY_KEY, SECONDARY_KEY);
        dps.emulator.enroll(enrollment).expect("an enrollment");
    }
    dps
}

fn individual() -> Value {
    json!({"registrationId": ID, "deviceId": "the-device", "provisioningStatus": "enabled", "attestation": keys()})
}

fn keys() -> Value {
    json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": PRIMARY_KEY, "secondaryKey": SECONDARY_KEY}})
}

/// Makes one call with the SDK, and returns its result: `done` or `error`.
async fn perform(dps: &LocalDps, call: &str, mut task: Value) -> Value {
    task["do"] = call.into();
    task["connectionString"] = dps.emulator.connection_string().into();
    task["controlPort"] = dps.emulator.control_port().into();
    task["ca"] = json!(dps.file("ca.pem"));
    let command = install::node("service.js").await;
    let (result, _) = script::ask("the service SDK", command, dps, &task).await;
    result
}

/// Asserts that the emulator's log has this number of changes, each of them to [`ID`].
#[track_caller]
fn assert_changes(dps: &LocalDps, changes: usize) {
    let log = dps.log();
    let made: Vec<_> = log.of(LogKind::Control).filter(|entry| is_change(entry)).collect();
    assert_eq!(made.len(), changes, "changes in the log:\n{log}");
    let is_of_id = |entry: &&LogEntry| entry.registration_id.as_deref() == Some(ID);
    assert!(made.iter().all(is_of_id), "changes of others in the log:\n{log}");
}

/// Whether a call changed something: the log has every call, with its status.
fn is_change(entry: &LogEntry) -> bool {
    let call = entry.topic.as_deref().unwrap_or_default();
    let changes = call.starts_with("PUT ") || call.starts_with("DELETE ");
    changes && entry.status.is_some_and(|status| status < 300)
}

/// Registers with this project's client.
async fn register(dps: &LocalDps, key: SymmetricKey, registration_id: &str) -> Assignment {
    let payload: Value = PAYLOAD.parse().expect("JSON");
    let client = dps
        .client(key)
        .with_registration_id(registration_id)
        .with_payload(payload);
    client.build().expect("a client").register().await.expect("assigned")
}

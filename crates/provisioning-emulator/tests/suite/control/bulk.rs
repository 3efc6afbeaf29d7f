//! Bulk operations.

use provisioning_emulator::Emulator;
use serde_json::{Value, json};

use super::{call, enrollment};
use crate::support::{
    http::{Answer, Call},
    in_memory,
};

async fn bulk(emulator: &Emulator, mode: &str, enrollments: &[Value]) -> Answer {
    let body = json!({"mode": mode, "enrollments": enrollments});
    Call::new(emulator, "POST", "/enrollments")
        .json(&body)
        .send(emulator)
        .await
}

fn disabled(id: &str) -> Value {
    let mut disabled = enrollment(id);
    disabled["provisioningStatus"] = json!("disabled");
    disabled
}

async fn status_of(emulator: &Emulator, id: &str) -> Value {
    call(emulator, "GET", &format!("/enrollments/{id}")).await.json()["provisioningStatus"].take()
}

#[tokio::test(start_paused = true)]
async fn enrollments_are_created_updated_and_deleted_in_bulk() {
    let emulator = in_memory();
    let success = json!({"isSuccessful": true, "errors": []});
    let created = bulk(&emulator, "create", &[enrollment("a"), enrollment("b")]).await;
    assert_eq!((created.status, created.json()), (200, success.clone()));
    assert_eq!(bulk(&emulator, "update", &[disabled("a")]).await.json(), success);
    assert_eq!(status_of(&emulator, "a").await, "disabled");

    let mut with_etag = disabled("b");
    with_etag["etag"] = call(&emulator, "GET", "/enrollments/b").await.json()["etag"].take();
    let matching = bulk(&emulator, "updateIfMatchETag", &[with_etag.clone()]).await.json();
    assert_eq!(matching, success);
    assert_eq!(status_of(&emulator, "b").await, "disabled");
    let stale = bulk(&emulator, "updateIfMatchETag", &[with_etag]).await.json();
    assert_eq!(
        (&stale["isSuccessful"], &stale["errors"][0]["errorCode"]),
        (&json!(false), &json!(412_001))
    );

    let ids = ["a", "b"].map(|id| json!({"registrationId": id}));
    assert_eq!(bulk(&emulator, "delete", &ids).await.json(), success);
    assert_eq!(call(&emulator, "GET", "/enrollments/a").await.status, 404);
    let log = emulator.log();
    let changes = log
        .iter()
        .filter(|entry| entry.topic.as_deref() == Some("POST /enrollments"));
    let ids: Vec<_> = changes.filter_map(|entry| entry.registration_id.as_deref()).collect();
    assert_eq!(ids, ["a", "b", "a", "b", "a", "b"], "each change is logged");
}

#[tokio::test(start_paused = true)]
async fn each_error_names_its_enrollment_and_the_others_are_applied() {
    let emulator = in_memory();
    bulk(&emulator, "create", &[enrollment("a")]).await;
    let mut invalid = enrollment("bad");
    invalid["attestation"]["symmetricKey"]["primaryKey"] = json!("*");
    let result = bulk(&emulator, "create", &[enrollment("a"), invalid, enrollment("c")])
        .await
        .json();
    assert_eq!(result["isSuccessful"], false);
    let errors: Vec<_> = result["errors"].as_array().expect("errors").iter().collect();
    assert_eq!(
        (&errors[0]["registrationId"], &errors[0]["errorCode"]),
        (&json!("a"), &json!(409_201))
    );
    assert_eq!(
        (&errors[1]["registrationId"], &errors[1]["errorCode"]),
        (&json!("bad"), &json!(400_004))
    );
    assert!(
        errors[1]["errorStatus"]
            .as_str()
            .is_some_and(|text| text.contains("primaryKey")),
        "{result}"
    );
    assert_eq!(errors.len(), 2);
    assert_eq!(call(&emulator, "GET", "/enrollments/c").await.status, 200);
    for mode in ["update", "updateIfMatchETag", "delete"] {
        let result = bulk(&emulator, mode, &[enrollment("none")]).await.json();
        assert_eq!(result["errors"][0]["errorCode"], 404_201, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_ten_enrollments_and_unknown_modes_are_refused() {
    let emulator = in_memory();
    let many: Vec<_> = (0..11).map(|number| enrollment(&format!("d{number}"))).collect();
    assert_eq!(bulk(&emulator, "create", &many[..10]).await.status, 200);
    let refused = bulk(&emulator, "update", &many).await;
    assert_eq!(refused.refusal(400), 400_004);
    assert!(refused.body.contains("10 at most"), "{refused:?}");
    let refused = bulk(&emulator, "upsert", &[]).await;
    assert_eq!(refused.refusal(400), 400_004);
    let without_mode = Call::new(&emulator, "POST", "/enrollments").json(&json!({"enrollments": []}));
    let refused = without_mode.send(&emulator).await;
    assert_eq!(refused.refusal(400), 400_004);
    assert!(
        refused.body.contains("The operation: missing field `mode`."),
        "{refused:?}"
    );
    assert!(refused.body.contains("mode"), "{refused:?}");
}

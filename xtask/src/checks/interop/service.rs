//! What operators do, with the Node service SDK, against the emulator's control endpoint.

use serde_json::{Value, json};

use super::{Outcomes, cell::row, packets::Packets, stage::Stage};

/// A task for the SDK, what must come of it, and the words of the log that must be there afterwards.
struct Task {
    what: &'static str,
    task: Value,
    is_done: fn(&Value) -> bool,
    noted: &'static str,
}

/// Plays an enrollment's life, one task after the other.
pub(super) fn play(stage: &mut Stage<'_>) -> Outcomes {
    let outcomes = tasks().into_iter().map(|task| {
        let outcome = stage
            .operate(task.task)
            .and_then(|(said, packets)| judge(&said, &packets, task.is_done, task.noted));
        (row("service SDK", "HTTPS", "SAS", task.what), outcome)
    });
    outcomes.collect()
}

fn tasks() -> Vec<Task> {
    let key = |last| format!("c29tZSBrZXkgZm9yIHRoZSBpbnRlcm9wIHJ1{last}");
    let enrollment = |id: &str, status: &str| {
        json!({
            "registrationId": id,
            "deviceId": "the-device",
            "provisioningStatus": status,
            "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": key("bjE="), "secondaryKey": key("bjI=")}},
        })
    };
    let put = |id, status| json!({"do": "put", "enrollment": enrollment(id, status)});
    let task = |what, task, is_done, noted| Task {
        what,
        task,
        is_done,
        noted,
    };
    let one = json!({"id": "operated-1"});
    let with = |what: &str| json!({"do": what, "id": one["id"]});
    vec![
        task(
            "create",
            put("operated-1", "enabled"),
            |said| said["done"]["etag"].is_string(),
            "operated-1",
        ),
        task(
            "create another",
            put("operated-2", "enabled"),
            |said| said["done"]["etag"].is_string(),
            "operated-2",
        ),
        task("read", with("get"), |said| said["done"]["deviceId"] == "the-device", ""),
        task(
            "read keys",
            with("keys"),
            |said| said["done"]["symmetricKey"]["primaryKey"].is_string(),
            "",
        ),
        task(
            "query in pages",
            json!({"do": "query", "text": "select * from enrollments", "size": 1}),
            is_in_pages,
            "",
        ),
        task(
            "disable",
            put("operated-1", "disabled"),
            |said| said["done"]["provisioningStatus"] == "disabled",
            "operated-1",
        ),
        task(
            "delete",
            with("delete"),
            |said| said.get("done").is_some(),
            "operated-1",
        ),
        task(
            "read what is gone",
            with("get"),
            |said| said["error"]["status"] == 404,
            "",
        ),
    ]
}

/// Each page holds one enrollment, and both are there.
fn is_in_pages(said: &Value) -> bool {
    let pages: Vec<_> = said["done"].as_array().into_iter().flatten().collect();
    let has = |id| pages.iter().any(|page| page[0]["registrationId"] == id);
    pages
        .iter()
        .all(|page| page.as_array().is_some_and(|page| page.len() == 1))
        && has("operated-1")
        && has("operated-2")
}

fn judge(said: &Value, packets: &Packets, is_done: fn(&Value) -> bool, noted: &str) -> Result<String, String> {
    if !is_done(said) {
        return Err(format!("the SDK said {said}"));
    }
    match (noted, packets.count("control", noted)) {
        // What only reads leaves no note.
        ("", 0) => Ok("done, nothing changed".to_owned()),
        ("", _) => Err("the log notes a change".to_owned()),
        (_, 1) => Ok("done, and noted".to_owned()),
        (_, count) => Err(format!("the log notes {count} changes of {noted}")),
    }
}

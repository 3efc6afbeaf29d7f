//! Enrollments, groups and registrations, as service SDKs change them.

use serde_json::json;

use super::{call, enrollment, put};
use crate::support::{
    http::{Call, control, send},
    in_memory,
};
use provisioning_emulator::{LogKind, Port};

#[tokio::test(start_paused = true)]
async fn an_enrollment_is_created_read_changed_and_deleted() {
    let emulator = in_memory();
    let made = put(&emulator, "/enrollments/Device-1", &enrollment("Device-1")).await;
    assert_eq!(made.status, 200, "{made:?}");
    let etag = made.json()["etag"].as_str().expect("an etag").to_owned();
    assert_eq!(
        call(&emulator, "GET", "/enrollments/device-1").await.json()["etag"],
        etag
    );

    let mut disabled = enrollment("Device-1");
    disabled["provisioningStatus"] = json!("disabled");
    let change = Call::new(&emulator, "PUT", "/enrollments/Device-1").header("If-Match", &etag);
    let changed = change.json(&disabled).send(&emulator).await.json();
    assert_eq!(changed["provisioningStatus"], "disabled");
    assert_ne!(changed["etag"], etag);

    let deleted = call(&emulator, "DELETE", "/enrollments/Device-1").await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(
        call(&emulator, "GET", "/enrollments/Device-1").await.refusal(404) / 1000,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_is_created_read_and_deleted_and_its_path_is_accepted_in_any_case() {
    let emulator = in_memory();
    let mut group = enrollment("-");
    group["enrollmentGroupId"] = json!("g:1");
    group.as_object_mut().expect("an object").remove("registrationId");
    let made = put(&emulator, "/enrollmentGroups/g%3A1", &group).await;
    assert_eq!(made.status, 200, "{made:?}");
    // As the Node SDK writes it.
    let mechanism = call(&emulator, "POST", "/enrollmentgroups/g%3A1/attestationmechanism")
        .await
        .json();
    assert_eq!(mechanism["symmetricKey"]["primaryKey"], "cHJpbWFyeQ==", "{mechanism}");
    assert_eq!(
        call(&emulator, "GET", "/enrollments/g%3A1").await.refusal(404) / 1000,
        404,
        "it is a group"
    );
    assert_eq!(call(&emulator, "DELETE", "/enrollmentGroups/g%3A1").await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn an_existing_id_without_if_match_is_a_conflict_and_any_etag_updates_it() {
    let emulator = in_memory();
    let mut group = enrollment("-");
    group["enrollmentGroupId"] = json!("d");
    group.as_object_mut().expect("an object").remove("registrationId");
    for (path, body) in [("/enrollments/d", enrollment("d")), ("/enrollmentGroups/d", group)] {
        let etag = put(&emulator, path, &body).await.json()["etag"].clone();
        let refused = put(&emulator, &path.replace("/d", "/D"), &body).await;
        assert_eq!(refused.refusal(409), 409_201);
        assert!(refused.body.contains("If-Match"), "{refused:?}");
        assert_eq!(
            call(&emulator, "GET", path).await.json()["etag"],
            etag,
            "it is unchanged"
        );
        let any = Call::new(&emulator, "PUT", path).header("If-Match", "*");
        let updated = any.json(&body).send(&emulator).await;
        assert_eq!(updated.status, 200, "{updated:?}");
        assert_ne!(updated.json()["etag"], etag);
        assert_eq!(call(&emulator, "DELETE", path).await.status, 204, "without If-Match");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_with_an_outdated_etag_is_refused_with_412() {
    let emulator = in_memory();
    let etag = put(&emulator, "/enrollments/d", &enrollment("d")).await.json()["etag"].clone();
    let etag = etag.as_str().expect("an etag");
    for method in ["PUT", "DELETE"] {
        let stale = Call::new(&emulator, method, "/enrollments/d").header("If-Match", "c3RhbGU=");
        assert_eq!(
            stale.json(&enrollment("d")).send(&emulator).await.refusal(412) / 1000,
            412,
            "{method}"
        );
    }
    // Quoted as in HTTP, or not as in some SDKs.
    let fitting = Call::new(&emulator, "PUT", "/enrollments/d").header("If-Match", etag);
    let changed = fitting.json(&enrollment("d")).send(&emulator).await.json();
    let quoted = changed["etag"].to_string();
    let fitting = Call::new(&emulator, "DELETE", "/enrollments/d").header("If-Match", &quoted);
    assert_eq!(fitting.send(&emulator).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn calls_are_logged_with_their_status_and_why_they_are_refused() {
    let emulator = in_memory();
    put(&emulator, "/enrollments/d", &enrollment("d")).await;
    put(&emulator, "/enrollments/d", &json!({})).await;
    call(&emulator, "GET", "/enrollments/d").await;
    call(&emulator, "DELETE", "/enrollments/d").await;
    call(&emulator, "GET", "/enrollments/d").await;
    call(&emulator, "GET", "/nothing").await;
    call(&emulator, "PUT", "/emulator/log").await;
    call(&emulator, "GET", "/emulator/log").await;
    call(&emulator, "GET", "/emulator/log?after=x").await;
    let unsigned = "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    send(control(&emulator), unsigned).await;
    let log = emulator.log();
    let calls = log.iter().filter(|entry| entry.kind == LogKind::Control);
    let calls: Vec<_> = calls
        .map(|entry| {
            assert_eq!(entry.port, Some(Port::Control));
            let call = entry.topic.as_deref().expect("a call");
            assert_eq!(entry.reason.is_some(), entry.is_refusal(), "{entry:?}");
            assert_eq!(entry.is_refusal(), entry.status >= Some(300), "{entry:?}");
            (call, entry.status.expect("a status"), entry.registration_id.as_deref())
        })
        .collect();
    let expected = [
        ("PUT /enrollments/d", 200, Some("d")),
        ("PUT /enrollments/d", 409, Some("d")),
        ("GET /enrollments/d", 200, Some("d")),
        ("DELETE /enrollments/d", 204, Some("d")),
        ("GET /enrollments/d", 404, Some("d")),
        ("GET /nothing", 404, None),
        ("PUT /emulator/log", 405, None),
        ("GET /emulator/log", 400, None),
        ("GET /x", 401, None),
    ];
    assert_eq!(calls, expected);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_path_is_404_and_an_unknown_method_405() {
    let emulator = in_memory();
    for path in [
        "/",
        "/devices/d",
        "/enrollments/d/keys",
        "/registrations",
        "/emulator",
        "/emulator/clock",
    ] {
        assert_eq!(call(&emulator, "GET", path).await.refusal(404), 404_001, "{path}");
    }
    for (method, path, allowed) in [
        ("PATCH", "/enrollments/d", "DELETE, GET, PUT"),
        ("POST", "/enrollmentGroups/d", "DELETE, GET, PUT"),
        ("GET", "/enrollments/d/attestationmechanism", "POST"),
        ("PUT", "/registrations/d", "DELETE, GET"),
        ("GET", "/registrations/g/query", "POST"),
        ("PUT", "/emulator/log", "DELETE, GET"),
        ("DELETE", "/emulator/registrations", "GET"),
    ] {
        let answer = call(&emulator, method, path).await;
        assert_eq!(answer.refusal(405), 405_001, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

//! Registrations at the control endpoint.

use serde_json::json;

use super::{call, enrollment, put};
use crate::support::{Device, http::Call, in_memory, plain};

#[tokio::test(start_paused = true)]
async fn a_registration_is_read_by_id_by_group_and_with_all_others_and_can_be_deleted() {
    let emulator = in_memory();
    assert_eq!(
        call(&emulator, "GET", "/registrations/Device").await.refusal(404) / 1000,
        404
    );
    let mut device = Device::ready(plain(&emulator), "Device").await;
    let first = device.register("Device").await;
    let told = call(&emulator, "GET", "/registrations/Device").await.json();
    assert_eq!(told["status"], "assigning", "{told}");

    let done = device.query(first.body["operationId"].as_str().expect("an id")).await;
    let state = &done.body["registrationState"];
    let told = call(&emulator, "GET", "/registrations/device").await.json();
    for name in [
        "registrationId",
        "status",
        "assignedHub",
        "deviceId",
        "etag",
        "substatus",
    ] {
        assert_eq!(told[name], state[name], "{name} in {told}");
    }
    let all = call(&emulator, "GET", "/emulator/registrations").await.json();
    assert_eq!(all, json!([told]));

    let group = state["x509"]["enrollmentGroupId"].as_str().expect("a group");
    let of_group = Call::new(&emulator, "POST", &format!("/registrations/{group}/query"));
    let of_group = of_group.json(&json!({"query": "*"})).send(&emulator).await;
    assert_eq!(of_group.header("x-ms-item-type"), Some("DeviceRegistration"));
    assert_eq!(of_group.json(), json!([told]));
    let of_other = Call::new(&emulator, "POST", "/registrations/other-group/query");
    assert_eq!(
        of_other.json(&json!({"query": "*"})).send(&emulator).await.json(),
        json!([])
    );

    // An enrollment of the device shows it, and the result of a query does not.
    assert_eq!(
        put(&emulator, "/enrollments/Device", &enrollment("Device"))
            .await
            .json()
            .get("registrationState"),
        None
    );
    let read = call(&emulator, "GET", "/enrollments/Device").await.json();
    assert_eq!(read["registrationState"], told);
    let listed = call(&emulator, "POST", "/enrollments/query").await.json();
    assert_eq!(
        (listed.as_array().map(Vec::len), listed[0].get("registrationState")),
        (Some(1), None)
    );
    let update = Call::new(&emulator, "PUT", "/enrollments/Device").header("If-Match", "*");
    assert_eq!(
        update.json(&read).send(&emulator).await.status,
        200,
        "it can be sent back"
    );
    call(&emulator, "DELETE", "/enrollments/Device").await;

    let stale = Call::new(&emulator, "DELETE", "/registrations/Device").header("If-Match", "c3RhbGU=");
    assert_eq!(stale.send(&emulator).await.refusal(412) / 1000, 412);
    assert_eq!(call(&emulator, "DELETE", "/registrations/Device").await.status, 204);
    assert_eq!(
        call(&emulator, "GET", "/emulator/registrations").await.json(),
        json!([])
    );
}

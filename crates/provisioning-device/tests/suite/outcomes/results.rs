//! What comes back: the payload of the allocation, and the state with every field that the service sent.

use serde_json::{Value, json};
use test_support::emulator::{local_dps, start, x509};

use crate::support::{BOTH, builder};

#[tokio::test]
async fn a_payload_of_any_json_goes_there_and_back() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        for payload in [
            json!(0),
            json!(false),
            json!(""),
            json!("Grüße, 世界 🌍 \u{0}\"\\"),
            json!([]),
            json!({}),
            json!({"site": {"floors": [1, 2.5, -3e9, null, true]}}),
            json!(u64::MAX),
        ] {
            let client = builder(&emulator, x509(&identity), transport).with_payload(payload.clone());
            let assignment = client.build().expect("valid").register().await.expect("assigned");
            assert_eq!(assignment.state().payload(), Some(&payload));
        }
        let client = builder(&emulator, x509(&identity), transport).with_payload(Value::Null);
        let assignment = client.build().expect("valid").register().await.expect("assigned");
        assert_eq!(assignment.state().payload(), None, "null is none");
        assert_eq!(
            assignment.state().raw().get("payload"),
            Some(&Value::Null),
            "but what arrived is kept"
        );
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_state_has_every_field_that_the_service_sent() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        let client = builder(&emulator, x509(&identity), transport).build().expect("valid");
        let assignment = client.register().await.expect("assigned");
        let state = assignment.state();
        assert_eq!(state.registration_id(), Some("device-1"));
        assert_eq!(state.assigned_hub(), Some(assignment.assigned_hub()));
        assert_eq!(state.substatus().expect("one").as_str(), "initialAssignment");
        assert!(state.enrollment_group_id().is_some(), "{state:?}");
        for time in [state.created_at(), state.last_updated_at()] {
            assert_eq!(time.expect("a time").len(), "2023-01-10T21:52:50.5898405Z".len());
        }
        assert!(state.etag().is_some() && assignment.operation_id().is_some());
        let known = [
            "x509",
            "registrationId",
            "createdDateTimeUtc",
            "assignedHub",
            "deviceId",
            "status",
            "substatus",
            "lastUpdatedDateTimeUtc",
            "etag",
        ];
        for name in known {
            assert!(state.raw().contains_key(name), "{name}");
        }
    }
    emulator.shutdown().await;
}

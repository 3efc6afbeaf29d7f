//! A stored assignment, and back to the service only when that must be.

use provisioning_device::{Builder, StoredAssignment, SymmetricKey};
use provisioning_emulator::LogKind;
use test_support::emulator::{credential, local_dps, start};

use crate::support::{self, BOTH, builder};

#[tokio::test]
async fn a_stored_assignment_answers_without_asking_the_service_unless_forced() {
    let emulator = start(local_dps()).await;
    for transport in BOTH {
        let builder = builder(&emulator, credential(&emulator, "device-1"), transport);
        let client = builder.clone().build().expect("valid");
        let first = client.register_unless_stored(None).await.expect("assigned");
        assert!(first.is_new());
        let first = first.into_assignment();
        let text = serde_json::to_string(&StoredAssignment::new(client.request(), first.clone())).expect("JSON");
        let stored: StoredAssignment = serde_json::from_str(&text).expect("an assignment");
        let asks = async |builder: Builder| {
            emulator.clear_log();
            let client = builder.build().expect("valid");
            let assignment = client
                .register_unless_stored(Some(&stored))
                .await
                .expect("an assignment");
            assert_eq!(assignment.assignment().assigned_hub(), first.assigned_hub());
            let asked = emulator.log().iter().any(|entry| entry.kind == LogKind::Connect);
            assert_eq!(assignment.is_new(), asked);
            asked
        };
        let elsewhere = builder.clone().with_host("other.example").build().expect("valid");
        assert!(!stored.matches(elsewhere.request()), "another service's");
        assert!(!asks(builder.clone()).await, "the stored one serves");
        assert!(asks(builder.clone().with_force_registration(true)).await, "forced");
        let key = SymmetricKey::from_base64(&emulator.group_key()).expect("a key");
        let other = support::builder(&emulator, key.derive(&"other".parse().expect("an id")), transport);
        assert!(asks(other.with_registration_id("other")).await, "another device's");
    }
    emulator.shutdown().await;
}

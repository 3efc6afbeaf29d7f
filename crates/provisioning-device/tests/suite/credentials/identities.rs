//! Several identities in one process: none knows of another.

use std::sync::Arc;

use provisioning_device::{Credential, SymmetricKey};
use test_support::emulator::{local_dps, start, x509};

use crate::support::{BOTH, builder};

#[tokio::test]
async fn many_devices_of_every_kind_register_from_one_process_at_once() {
    let emulator = Arc::new(start(local_dps()).await);
    let group = SymmetricKey::from_base64(&emulator.group_key()).expect("a key");
    let mut registrations = tokio::task::JoinSet::new();
    for number in 0..12 {
        let registration_id = format!("device-{number}");
        let credential: Credential = if number % 3 == 0 {
            group.derive(&registration_id.parse().expect("an id")).into()
        } else {
            x509(&emulator.issue_device(&registration_id).expect("a device")).into()
        };
        let client = builder(&emulator, credential, BOTH[number % 2])
            .with_registration_id(registration_id.clone())
            .build()
            .expect("valid");
        registrations.spawn(async move { (registration_id, client.register().await.expect("assigned")) });
    }
    while let Some(registered) = registrations.join_next().await {
        let (registration_id, assignment) = registered.expect("no panic");
        assert_eq!(assignment.device_id(), registration_id);
    }
}

//! From the assignment to the hub, and back to the service only when that must be.

use std::{path::PathBuf, time::Duration};

use provisioning_device::{StoredAssignment, SymmetricKey};
use provisioning_emulator::LogKind;
use tokio::{process::Command, time::timeout};

use crate::{
    broker::Broker,
    support::{BOTH, Files, builder, local_dps, start, x509},
};

#[tokio::test]
async fn the_example_registers_and_connects_rumqttc_to_the_hub_with_either_proof() {
    let broker = Broker::start().await;
    let files = Files::new();
    let ca_file = files.write("ca.pem", &broker.ca_pem);
    // `cargo test` builds the examples beside the tests: examples/hub.rs.
    let target: PathBuf = std::env::current_exe()
        .expect("a path")
        .ancestors()
        .nth(2)
        .expect("target")
        .into();
    let example = Command::new(target.join("examples").join("hub"))
        .arg(broker.port.to_string())
        .arg(ca_file)
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(60), example)
        .await
        .expect("in time")
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        said,
        "meter-1 is at localhost as localhost/meter-1/?api-version=2021-04-12\n\
         meter-2 is at localhost as localhost/meter-2/?api-version=2021-04-12\n"
    );
    let visits = broker.visits();
    let [keyed, certified] = visits.as_slice() else {
        panic!("two visits: {visits:?}")
    };
    assert_eq!((keyed.has_certificate, certified.has_certificate), (false, true));
    assert_eq!(
        (keyed.client_id.as_str(), certified.client_id.as_str()),
        ("meter-1", "meter-2")
    );
    assert_eq!(keyed.user_name, "localhost/meter-1/?api-version=2021-04-12");
    let beginning = "SharedAccessSignature sr=localhost%2Fdevices%2Fmeter-1&sig=";
    assert!(keyed.password.starts_with(beginning), "{keyed:?}");
    assert!(!keyed.password.contains("skn="), "{keyed:?}");
    assert!(certified.password.is_empty(), "{certified:?}");
    for visit in [keyed, certified] {
        let topic = format!("devices/{}/messages/events/", visit.client_id);
        assert_eq!(visit.published, [(topic, r#"{"temperature":21.5}"#.to_owned())]);
    }
}

#[tokio::test]
async fn a_stored_assignment_answers_without_asking_the_service_unless_forced() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        let builder = builder(&emulator, x509(&identity), transport);
        let client = builder.clone().build().expect("valid");
        let first = client.register_unless_stored(None).await.expect("assigned");
        assert!(first.is_new());
        let first = first.into_assignment();
        let text = serde_json::to_string(&StoredAssignment::new(client.request(), first.clone())).expect("JSON");
        let stored: StoredAssignment = serde_json::from_str(&text).expect("an assignment");
        let asks = async |builder: provisioning_device::Builder| {
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
        let other = crate::support::builder(&emulator, key.derive(&"other".parse().expect("an id")), transport);
        assert!(asks(other.with_registration_id("other")).await, "another device's");
    }
    emulator.shutdown().await;
}

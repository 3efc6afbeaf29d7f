//! `examples/gateway.rs`: it registers its devices, ends in an orderly way, and starts again from what it stored.

use std::path::Path;

use provisioning_emulator::{Emulator, LogKind, RetryAfter};
use test_support::{
    Files, Running,
    emulator::{local_dps, start},
    example,
};

const DEVICES: [&str; 3] = ["meter-1", "meter-2", "meter-3"];

#[tokio::test]
async fn the_gateway_keeps_its_devices_at_their_hubs_over_a_restart() {
    let emulator = emulator(RetryAfter::Seconds(1)).await;
    let files = Files::new();
    let arguments = arguments(&emulator, &files);

    let mut first = gateway(&arguments);
    waits_for_every_device(&mut first).await;
    let stored = || DEVICES.map(|id| files.read(&format!("{id}.json")));
    let before = stored();
    let trace = ends_well(first).await;
    assert!(
        trace.contains("meter-1: assigned to local-hub.azure-devices.net"),
        "{trace}"
    );

    // Without a service, only the stored assignments lead to the hubs.
    emulator.shutdown().await;
    let mut second = gateway(&arguments);
    waits_for_every_device(&mut second).await;
    let trace = ends_well(second).await;
    assert_eq!(trace, "", "no device registers");
    assert_eq!(stored(), before);
}

#[tokio::test]
async fn the_gateway_ends_while_its_devices_register() {
    // The devices wait for their assignments when the signal arrives.
    let emulator = emulator(RetryAfter::Seconds(60)).await;
    let files = Files::new();
    let gateway = gateway(&arguments(&emulator, &files));
    emulator.wait_for(|entry| entry.kind == LogKind::Publish).await;
    ends_well(gateway).await;
    let is_stored = |id| Path::new(&files.path(&format!("{id}.json"))).exists();
    assert!(!DEVICES.into_iter().any(is_stored));
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_gateway_says_what_it_cannot_use() {
    let expected = [
        (vec![], "usage: gateway HOST"),
        (
            vec!["localhost", "0ne1", "ca.pem", "no-such-file", ".", "meter-1"],
            "symmetric key in no-such-file cannot be used",
        ),
    ];
    for (arguments, message) in expected {
        let output = example("gateway").args(arguments).output().await.expect("the gateway");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{errors}");
    }
}

async fn emulator(retry_after: RetryAfter) -> Emulator {
    start(local_dps().retry_after(retry_after)).await
}

fn arguments(emulator: &Emulator, files: &Files) -> Vec<String> {
    let mut arguments = vec![
        emulator.mqtt_address(),
        emulator.id_scope().to_owned(),
        files.write("ca.pem", emulator.ca_pem()),
        files.write("group.key", emulator.group_key()),
        files.path(""),
    ];
    arguments.extend(DEVICES.map(str::to_owned));
    arguments
}

fn gateway(arguments: &[String]) -> Running {
    Running::start(example("gateway").args(arguments))
}

async fn waits_for_every_device(gateway: &mut Running) {
    for id in DEVICES {
        let line = format!("{id} is at local-hub.azure-devices.net\n");
        gateway.until_stdout_has(&line).await;
    }
}

/// Sends SIGINT, and returns the gateway's trace.
async fn ends_well(gateway: Running) -> String {
    gateway.signal("INT").await;
    let output = gateway.end().await;
    let errors = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{}: {errors}", output.status);
    errors
}

//! `examples/gateway.rs`: it registers its devices, ends in an orderly way, and starts again from what it stored.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use provisioning_emulator::{Emulator, LogKind, RetryAfter};
use test_support::{
    Files,
    emulator::{local_dps, start},
    example, interrupt,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout},
    time::timeout,
};

const DEVICES: [&str; 3] = ["meter-1", "meter-2", "meter-3"];

#[tokio::test]
async fn the_gateway_keeps_its_devices_at_their_hubs_over_a_restart() {
    let emulator = emulator(RetryAfter::Seconds(1)).await;
    let files = Files::new();
    let arguments = arguments(&emulator, &files);

    let mut first = Gateway::start(&arguments);
    first.waits_for_every_device().await;
    let stored = || DEVICES.map(|id| files.read(&format!("{id}.json")));
    let before = stored();
    let trace = first.ends_well().await;
    assert!(
        trace.contains("meter-1: assigned to local-hub.azure-devices.net"),
        "{trace}"
    );

    // Without a service, only the stored assignments lead to the hubs.
    emulator.shutdown().await;
    let mut second = Gateway::start(&arguments);
    second.waits_for_every_device().await;
    let trace = second.ends_well().await;
    assert_eq!(trace, "", "no device registers");
    assert_eq!(stored(), before);
}

#[tokio::test]
async fn the_gateway_ends_while_its_devices_register() {
    // The devices wait for their assignments when the signal arrives.
    let emulator = emulator(RetryAfter::Seconds(60)).await;
    let files = Files::new();
    let gateway = Gateway::start(&arguments(&emulator, &files));
    emulator.wait_for(|entry| entry.kind == LogKind::Publish).await;
    gateway.ends_well().await;
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

/// A gateway that runs.
struct Gateway {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    errors: ChildStderr,
}

impl Gateway {
    fn start(arguments: &[String]) -> Self {
        let mut command = example("gateway");
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the gateway, built by `cargo test`");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let errors = child.stderr.take().expect("a pipe");
        Self { child, lines, errors }
    }

    async fn waits_for_every_device(&mut self) {
        let mut seen = vec![];
        for _ in DEVICES {
            let line = timeout(Duration::from_secs(30), self.lines.next_line()).await;
            let line = line.expect("a device reaches its hub").expect("text");
            seen.push(line.expect("the gateway runs"));
        }
        seen.sort();
        assert_eq!(
            seen,
            DEVICES.map(|id| format!("{id} is at local-hub.azure-devices.net"))
        );
    }

    /// Sends SIGINT; the gateway's trace.
    async fn ends_well(mut self) -> String {
        interrupt(&self.child);
        let mut errors = String::new();
        let ends = async {
            self.errors.read_to_string(&mut errors).await.expect("text");
            self.child.wait().await.expect("its status")
        };
        let status: ExitStatus = timeout(Duration::from_secs(10), ends).await.expect("it ends");
        assert!(status.success(), "{status}: {errors}");
        errors
    }
}

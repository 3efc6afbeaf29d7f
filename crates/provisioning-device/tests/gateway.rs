//! `examples/gateway.rs`: it registers its devices, ends in an orderly way, and starts again from what it stored.

#![cfg(unix)]

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use provisioning_emulator::{Emulator, LogKind, RetryAfter};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    time::timeout,
};

const DEVICES: [&str; 3] = ["meter-1", "meter-2", "meter-3"];

#[tokio::test]
async fn the_gateway_keeps_its_devices_at_their_hubs_over_a_restart() {
    let emulator = emulator(RetryAfter::Seconds(1)).await;
    let dir = tempfile::tempdir().expect("a directory");
    let arguments = arguments(&emulator, dir.path());

    let mut first = Gateway::start(&arguments);
    first.waits_for_every_device().await;
    let stored = || DEVICES.map(|id| std::fs::read_to_string(dir.path().join(format!("{id}.json"))).expect(id));
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
    let dir = tempfile::tempdir().expect("a directory");
    let gateway = Gateway::start(&arguments(&emulator, dir.path()));
    emulator.wait_for(|entry| entry.kind == LogKind::Publish).await;
    gateway.ends_well().await;
    assert!(DEVICES.iter().all(|id| !dir.path().join(format!("{id}.json")).exists()));
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
        let output = command().args(arguments).output().await.expect("the gateway");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{errors}");
    }
}

async fn emulator(retry_after: RetryAfter) -> Emulator {
    let emulator = Emulator::builder().retry_after(retry_after).start().await;
    emulator.expect("a local DPS")
}

fn arguments(emulator: &Emulator, dir: &Path) -> Vec<String> {
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let mut arguments = vec![
        format!("localhost:{}", emulator.mqtt_port()),
        emulator.id_scope().to_owned(),
        write("ca.pem", emulator.ca_pem()),
        write("group.key", &emulator.group_key()),
        dir.display().to_string(),
    ];
    arguments.extend(DEVICES.map(str::to_owned));
    arguments
}

fn command() -> Command {
    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    // Built by `cargo test`.
    Command::new(target.join("examples").join("gateway"))
}

/// A gateway that runs.
struct Gateway {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    errors: ChildStderr,
}

impl Gateway {
    fn start(arguments: &[String]) -> Self {
        let mut command = command();
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
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
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        kill_process(id.expect("it runs"), Signal::INT).expect("a signal");
        let mut errors = String::new();
        let ends = async {
            tokio::io::AsyncReadExt::read_to_string(&mut self.errors, &mut errors)
                .await
                .expect("text");
            self.child.wait().await.expect("its status")
        };
        let status: ExitStatus = timeout(Duration::from_secs(10), ends).await.expect("it ends");
        assert!(status.success(), "{status}: {errors}");
        errors
    }
}

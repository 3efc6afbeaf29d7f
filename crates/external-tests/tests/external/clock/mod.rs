//! `dps` on a device whose clock is not set, with Debian's `faketime`. The service has the right time.

use std::process::Stdio;

use serde_json::Value;
use test_support::without_dps_variables;
use tokio::process::Command;

use crate::support::{LocalDps, Output, Running, build_program, installed};

/// Runs a command under a clock that starts at `date`.
async fn run_at(date: &str, command: &Command) -> (Output, Value) {
    let command = command.as_std();
    let mut faketime = installed(&["faketime"], "faketime");
    without_dps_variables(&mut faketime)
        .arg(date)
        .arg(command.get_program())
        .args(command.get_args())
        // Timeouts go on.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .stdin(Stdio::null());
    let output = Running::start_piped("dps", &mut faketime).wait_with_output().await;
    let answer = serde_json::from_str(&output.stdout).expect("one object");
    (output, answer)
}

/// `dps doctor` for the device of this service.
async fn doctor(dps: &LocalDps) -> Command {
    let mut command = Command::new(build_program("dps").await);
    command.args(["doctor", "--json", "--host", &dps.emulator.mqtt_address()]);
    command.args(["--websocket-port", &dps.emulator.websocket_port().to_string()]);
    command.args(["--id-scope", dps.emulator.id_scope()]);
    command.arg("--ca").arg(dps.file("ca.pem"));
    command.arg("--cert").arg(dps.file("devices/device-1.pem"));
    command.arg("--key").arg(dps.file("devices/device-1.key"));
    command
}

#[tokio::test]
#[ignore = "needs faketime: cargo xtask external"]
async fn the_doctor_of_a_device_that_starts_in_1970_or_before_names_the_clock_as_the_cause() {
    let dps = LocalDps::start().await;
    let doctor = doctor(&dps).await;
    for (date, shown) in [
        ("1970-01-01 00:03:07", "1970-01-01 00:03 UTC"),
        ("1960-06-01 00:00:00", "a date before 1970"),
    ] {
        let (output, answer) = run_at(date, &doctor).await;
        let cause = &answer["cause"];
        assert_eq!(
            (output.code, &cause["code"]),
            (Some(1), &"clock-behind".into()),
            "{answer}"
        );
        let message = cause["message"].as_str().expect("a message");
        let clock = format!("this device's clock says {shown}; ");
        assert!(
            message.starts_with(&clock) && message.ends_with("; this program did not exist then"),
            "{message}"
        );
        let hint = cause["hint"].as_str().expect("a hint");
        assert!(
            hint.ends_with("; see docs/troubleshooting.md#the-device-starts-in-1970"),
            "{hint}"
        );
        assert!(!output.stdout.contains("renew"), "{answer}");
        let checks = answer["checks"].as_array().expect("a list");
        let code_of = |check| checks.iter().find(|it| it["check"] == check).map(|it| &it["code"]);
        let early = "server-certificate-not-yet-valid".into();
        assert_eq!(code_of("MQTT TLS"), Some(&early), "{answer}");
        assert_eq!(code_of("WebSocket TLS"), Some(&early), "{answer}");
    }
}

#[tokio::test]
#[ignore = "needs faketime: cargo xtask external"]
async fn a_registration_by_a_clock_before_1970_fails_on_this_machine_and_names_the_clock() {
    let dps = LocalDps::start().await;
    let host = dps.emulator.mqtt_address();
    for register in [
        dps.dps_register_at(&host).await,
        dps.dps_register_with_symmetric_key_at(&host).await,
    ] {
        let (output, answer) = run_at("1960-06-01 00:00:00", &register).await;
        let error = &answer["error"];
        assert_eq!((output.code, &error["kind"]), (Some(1), &"local".into()), "{answer}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains("this machine's clock is before 1970"), "{message}");
        assert!(
            error["hint"].as_str().expect("a hint").contains("this machine's clock"),
            "{answer}"
        );
    }
}

//! `dps-emulator --persist`, killed 50 times. The emulator's own suite has the test, with few kills.

use std::{env, process::Stdio};

use tokio::process::Command;

use crate::support::without_package_variables;

#[tokio::test]
#[ignore = "takes minutes: cargo xtask external"]
async fn nothing_that_was_acknowledged_is_lost_in_50_kills() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["test", "-p", "provisioning-emulator", "--test", "suite"])
        .args(["--", "--nocapture", "--exact"])
        .arg("killed::nothing_that_was_acknowledged_is_lost_when_the_emulator_is_killed_at_any_instant")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("DPS_EMULATOR_TEST_KILLS", "50")
        .stdin(Stdio::null());
    without_package_variables(&mut cargo);
    let output = cargo.output().await.expect("cargo");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    // The name is right, and the number was taken.
    assert!(stdout.contains("50 kills, "), "{stdout}\n{stderr}");
}

//! `dps-emulator --persist`, killed 50 times: 25 times while it serves calls, and 25 times during a start; and the
//! first start in a new folder, killed 50 times. The emulator's own suite has the tests, with few kills.

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
        .arg("killed::a_folder_whose_first_start_was_killed_at_any_instant_is_used_by_the_next_one")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("DPS_EMULATOR_TEST_KILLS", "50")
        .stdin(Stdio::null());
    without_package_variables(&mut cargo);
    let output = cargo.output().await.expect("cargo");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    // The names are right, and the number was taken.
    assert!(stdout.contains("50 kills, "), "{stdout}\n{stderr}");
    assert!(stdout.contains("2 passed"), "{stdout}\n{stderr}");
}

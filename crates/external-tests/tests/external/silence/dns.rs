//! A DNS server that does not answer.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::namespace::Network;
use crate::support::{Running, build_program};

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_lookup_that_is_not_answered_is_the_cause_that_the_doctor_names() {
    let network = Network::new();
    network.use_dns_server(network.silent()[0]);
    let mut command = Command::new(build_program("dps").await);
    command.args([
        "doctor",
        "--host",
        "elsewhere.example",
        "--connect-timeout",
        "1",
        "--json",
    ]);
    let mut command = network.inside(&command);
    command.stdin(Stdio::null());
    let output = Running::start_piped("dps", &mut command).wait_with_output().await;
    let answer: Value = serde_json::from_str(&output.stdout).expect("one object");
    let cause = &answer["cause"];
    assert_eq!(cause["code"], "resolver-silent", "{answer}");
    assert_eq!((output.code, &cause["kind"]), (Some(4), &"connect".into()), "{answer}");
    let message = cause["message"].as_str().expect("a message");
    assert!(
        message == "the name elsewhere.example was not resolved within 1 s: the resolver did not answer",
        "{message}"
    );
    let checks = answer["checks"].as_array().expect("a list");
    let skipped = |check| {
        checks
            .iter()
            .any(|it| it["check"] == check && it["verdict"] == "skipped")
    };
    assert!(skipped("MQTT port") && skipped("WebSocket port"), "{answer}");
}

//! Clients that verify certificates strictly, as Python does by default from 3.13 on, accept those of the emulator.

use provisioning_emulator::{Builder, Device, Emulator, KeyKind};
use serde_json::{Value, json};

use super::script;
use crate::support::{LocalDps, Running, installed, scripts};

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn python_connects_to_every_port() {
    let dps = LocalDps::start_with(Emulator::builder().control_port(0)).await;
    assert_eq!(connect(&dps, Value::Null).await, json!([null, null, null]));
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn a_client_with_rsa_suites_only_connects_to_a_server_with_an_rsa_key() {
    let suite = json!("ECDHE-RSA-AES256-GCM-SHA384");
    let with_key = |key| -> Builder { Emulator::builder().control_port(0).server_key(key) };
    let rsa = LocalDps::start_with(with_key(KeyKind::Rsa2048)).await;
    assert_eq!(connect(&rsa, suite.clone()).await, json!([null, null, null]));
    let ec = LocalDps::start_with(with_key(KeyKind::P256)).await;
    assert!(connect(&ec, suite).await[0].is_string(), "an EC key has no such suite");
}

#[tokio::test]
#[ignore = "needs openssl: cargo xtask external"]
async fn openssl_verifies_every_certificate_strictly() {
    let dps = LocalDps::start().await;
    let device = Device::new("through").through_an_intermediate();
    let chain = dps.emulator.issue_device_with(&device).expect("a certificate");
    std::fs::write(dps.file("through.pem"), &chain.certificate_chain_pem).expect("a file");
    for name in ["ca.pem", "server.pem", "devices/device-1.pem", "through.pem"] {
        let mut openssl = installed(&["openssl"], "openssl");
        openssl
            .args(["verify", "-x509_strict", "-CAfile"])
            .arg(dps.file("ca.pem"));
        openssl.arg("-untrusted").arg(dps.file(name)).arg(dps.file(name));
        let output = Running::start_piped("openssl", &mut openssl).wait_with_output().await;
        assert_eq!(output.code, Some(0), "{name}: {}{}", output.stdout, output.stderr);
    }
}

/// The errors of Python at the MQTT, WebSocket and control ports.
async fn connect(dps: &LocalDps, cipher: Value) -> Value {
    let emulator = &dps.emulator;
    let ports = [emulator.mqtt_port(), emulator.websocket_port(), emulator.control_port()];
    let mut python = installed(&["python3"], "python3");
    python.arg(scripts().join("python/strict_tls.py"));
    let question = json!({"ca": dps.file("ca.pem"), "ports": ports, "cipher": cipher});
    script::ask("Python", python, dps, &question).await.0
}

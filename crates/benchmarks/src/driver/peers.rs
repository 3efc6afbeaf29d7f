//! The SDKs of other languages, as external-tests installs and uses them.

use std::process::Command;

use benchmarks::{Result, task::Facts};

use super::programs::root;

/// An SDK that registers one device: it reads a question, and ends.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) command: Command,
}

/// Both SDKs.
pub(super) fn find(facts: &Facts) -> Result<[Peer; 2]> {
    let root = root().canonicalize()?;
    let (scripts, installed) = (root.join("crates/external-tests/scripts"), root.join("target/tmp"));
    let modules = installed.join("node/node_modules");
    if !modules.join("azure-iot-provisioning-device-mqtt").exists() {
        return absent(
            "Node",
            "mkdir -p target/tmp/node && cp crates/external-tests/scripts/node/package*.json target/tmp/node && \
             npm ci --ignore-scripts --prefix target/tmp/node",
        );
    }
    let python = installed.join("python/bin/python");
    if !python.exists() {
        return absent(
            "Python",
            "python3 -m venv target/tmp/python && target/tmp/python/bin/python -m pip install --require-hashes \
             -r crates/external-tests/scripts/python/requirements.txt",
        );
    }
    let mut node = Command::new("node");
    node.arg(scripts.join("node/device.js"))
        .env("NODE_PATH", modules)
        .env("NODE_EXTRA_CA_CERTS", facts.folder.join("ca.pem"));
    let mut python = Command::new(python);
    python.arg(scripts.join("python/device.py"));
    Ok([
        Peer {
            name: "Node",
            command: node,
        },
        Peer {
            name: "Python",
            command: python,
        },
    ])
}

fn absent<T>(language: &str, install: &str) -> Result<T> {
    Err(format!("the {language} SDK is not installed. Install it: {install}").into())
}

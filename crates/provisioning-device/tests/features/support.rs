//! An emulator, and clients for it.

use std::{fs, path::PathBuf, time::Duration};

use provisioning_device::{Builder, Credential, Policy, ProvisioningDeviceClient, Transport, X509Credential};
use provisioning_emulator::{self as emulator, DeviceIdentity, Emulator, RetryAfter};
use tempfile::TempDir;

pub(crate) const BOTH: [Transport; 2] = [Transport::Mqtt, Transport::MqttWs];

/// An emulator that keeps nobody waiting, to be made special.
pub(crate) fn local_dps() -> emulator::Builder {
    Emulator::builder().retry_after(RetryAfter::Seconds(0))
}

pub(crate) async fn start(builder: emulator::Builder) -> Emulator {
    builder.start().await.expect("a local DPS")
}

/// Where `transport` is served.
pub(crate) fn host(emulator: &Emulator, transport: Transport) -> String {
    match transport {
        Transport::MqttWs => emulator.websocket_address(),
        _ => emulator.mqtt_address(),
    }
}

/// A client of the emulator's, to be made special.
pub(crate) fn builder(emulator: &Emulator, credential: impl Into<Credential>, transport: Transport) -> Builder {
    ProvisioningDeviceClient::builder(emulator.id_scope(), credential, transport)
        .with_host(host(emulator, transport))
        .with_ca_pem(emulator.ca_pem())
        .with_policy(Policy::default().with_wait_floor(Duration::from_millis(10)))
}

pub(crate) fn x509(identity: &DeviceIdentity) -> X509Credential {
    X509Credential::from_pem(
        identity.certificate_chain_pem.as_bytes(),
        identity.private_key_pem.as_bytes(),
    )
    .expect("a credential")
}

/// A folder for a test's files.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, or writes it anew.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("written");
        path
    }
}

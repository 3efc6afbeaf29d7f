//! An emulator in the process of the test, with the files that another program needs to register with it.

use std::{collections::BTreeSet, fmt, path::PathBuf, sync::Arc, time::Duration};

use provisioning_device::{Builder as ClientBuilder, Credential, ProvisioningDeviceClient, Transport};
use provisioning_emulator::{Builder, Device, Emulator, Folder, LogEntry, LogKind, RetryAfter};
use tempfile::TempDir;
use test_support::without_dps_variables;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use super::build_program;

/// The device whose certificate is in the folder.
pub(crate) const DEVICE: &str = "device-1";

/// The time in which the connections of a program must end after it has returned the result.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The advice if the emulator cannot listen on port 443.
const PORT_443: &str = "Port 443 needs root, or: sysctl net.ipv4.ip_unprivileged_port_start=443";

/// A running emulator and its folder.
pub(crate) struct LocalDps {
    pub(crate) emulator: Emulator,
    folder: TempDir,
}

/// The entries of the emulator's log.
pub(crate) struct Log(Vec<Arc<LogEntry>>);

impl LocalDps {
    /// Starts an emulator on free ports.
    pub(crate) async fn start() -> Self {
        Self::start_with(Emulator::builder()).await
    }

    /// Starts this emulator. A device polls after a second.
    pub(crate) async fn start_with(builder: Builder) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Folder::new(folder.path());
        let builder = files.equip(builder).expect("a CA");
        let started = builder.retry_after(RetryAfter::Seconds(1)).start().await;
        let emulator = started.unwrap_or_else(|error| panic!("the emulator does not start: {error:?}\n{PORT_443}"));
        files
            .ensure_device(&emulator, &Device::new(DEVICE))
            .expect("a certificate");
        Self { emulator, folder }
    }

    /// A file of the folder: `ca.pem`, `server.pem`, `server.key`, `devices/device-1.pem` or `devices/device-1.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `dps register` for [`DEVICE`] at this port. The environment names no proxy.
    pub(crate) async fn dps_register(&self, port: u16) -> Command {
        self.dps_register_at(&format!("localhost:{port}")).await
    }

    /// The same at this host.
    pub(crate) async fn dps_register_at(&self, host: &str) -> Command {
        let mut command = self.dps_register_without_credential(host).await;
        command.arg("--cert").arg(self.file("devices/device-1.pem"));
        command.arg("--key").arg(self.file("devices/device-1.key"));
        command
    }

    /// The same for a device with a symmetric key of the emulator's group.
    pub(crate) async fn dps_register_with_symmetric_key_at(&self, host: &str) -> Command {
        let mut command = self.dps_register_without_credential(host).await;
        command.args(["--registration-id", "device-2", "--group-key-file"]);
        command.arg(self.file("group.key"));
        command
    }

    async fn dps_register_without_credential(&self, host: &str) -> Command {
        let mut command = Command::new(build_program("dps").await);
        command.args(["register", "--json", "--host", host]);
        command.args(["--id-scope", self.emulator.id_scope()]);
        command.arg("--ca").arg(self.file("ca.pem"));
        without_dps_variables(&mut command);
        command
    }

    /// A client of this project for this emulator, over MQTT.
    pub(crate) fn client(&self, credential: impl Into<Credential>) -> ClientBuilder {
        ProvisioningDeviceClient::builder(self.emulator.id_scope(), credential, Transport::Mqtt)
            .with_host(self.emulator.mqtt_address())
            .with_ca_pem(self.emulator.ca_pem())
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Log {
        Log(self.emulator.log())
    }

    /// The log once there was a connection and all connections have ended.
    pub(crate) async fn log_of_ended_connections(&self) -> Log {
        let ended = timeout(CLOSE_TIMEOUT, async {
            while !self.log().has_ended() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let ended = ended.await.is_ok();
        let log = self.log();
        assert!(ended, "a connection did not end:\n{log}");
        log
    }
}

impl Log {
    fn has_ended(&self) -> bool {
        let connections = |kind| -> BTreeSet<_> { self.of(kind).filter_map(|entry| entry.connection).collect() };
        let (opened, closed) = (connections(LogKind::Open), connections(LogKind::Close));
        !opened.is_empty() && opened.is_subset(&closed)
    }

    /// The entries of this kind.
    pub(crate) fn of(&self, kind: LogKind) -> impl Iterator<Item = &LogEntry> {
        self.0.iter().map(AsRef::as_ref).filter(move |entry| entry.kind == kind)
    }

    /// The number of entries of this kind that have these words in the topic, the reason or the payload.
    pub(crate) fn count(&self, kind: LogKind, words: &str) -> usize {
        let has = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains(words));
        self.of(kind)
            .filter(|entry| has(&entry.topic) || has(&entry.reason) || has(&entry.payload))
            .count()
    }

    /// Asserts that there is such an entry.
    #[track_caller]
    pub(crate) fn assert_has(&self, kind: LogKind, words: &str) {
        assert!(
            self.count(kind, words) > 0,
            "the emulator's log has no {kind} with {words:?}:\n{self}"
        );
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.0 {
            let json = serde_json::to_string(entry).map_err(|_| fmt::Error)?;
            writeln!(f, "{json}")?;
        }
        Ok(())
    }
}

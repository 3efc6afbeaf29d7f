//! A local DPS in a process of its own, so that its log is not this process's.

use provisioning_device::{Builder, Credential, Policy, ProvisioningDeviceClient, Transport};
use serde_json::Value;
use test_support::{Files, Running};

use crate::support::start_dps;

/// No other test has this id scope, so a token for it is one of this test's.
pub(super) const ID_SCOPE: &str = "0ne5ec0de75";

/// The devices, each with an enrollment that gives it back the payload of its request.
const CONFIG: &str = r#"
idScope = "ID_SCOPE"
pollsBeforeAssigning = 1
retryAfter = 0

[[enrollments]]
registrationId = "keyed"
attestation = { type = "symmetricKey", symmetricKey = { primaryKey = "DEVICE_KEY", secondaryKey = "DEVICE_KEY" } }
allocationPolicy = "custom"

[[enrollmentGroups]]
enrollmentGroupId = "keys"
attestation = { type = "symmetricKey", symmetricKey = { primaryKey = "GROUP_KEY", secondaryKey = "GROUP_KEY" } }
allocationPolicy = "custom"

[[enrollmentGroups]]
enrollmentGroupId = "certificates"
attestation = { type = "x509", x509 = { signingCertificates = { primary = { certificate = "emulator" } } } }
allocationPolicy = "custom"

[[devices]]
registrationId = "certified"
"#;

/// The local DPS. It ends when this is dropped.
pub(super) struct Service {
    _process: Running,
    ready: Value,
    files: Files,
    ca: String,
}

impl Service {
    /// Starts it with these keys, in base64, for the device `keyed` and for the group of keys.
    pub(super) async fn start(device_key: &str, group_key: &str) -> Self {
        let files = Files::new();
        let config = CONFIG
            .replace("ID_SCOPE", ID_SCOPE)
            .replace("DEVICE_KEY", device_key)
            .replace("GROUP_KEY", group_key);
        let config = files.write("dps.toml", config);
        let (dir, ready_file) = (files.path("dps"), files.path("ready.json"));
        let mut words = vec![
            "emulator",
            "--dir",
            &dir,
            "--config",
            &config,
            "--ready-file",
            &ready_file,
        ];
        for port in ["--mqtt-port", "--ws-port", "--control-port", "--page-port"] {
            words.extend([port, "0"]);
        }
        let mut process = start_dps(&words, &[]);
        process.until_stdout_has("}").await;
        Self {
            _process: process,
            ready: serde_json::from_str(&files.read("ready.json")).expect("JSON"),
            ca: files.read("dps/ca.pem"),
            files,
        }
    }

    /// The files of the device `certified`: its certificate chain, and its private key.
    pub(super) fn certified(&self) -> [String; 2] {
        ["pem", "key"].map(|kind| self.files.path(&format!("dps/devices/certified.{kind}")))
    }

    /// A client for it, to be configured further.
    pub(super) fn client(&self, credential: Credential, transport: Transport) -> Builder {
        let port = match transport {
            Transport::MqttWs => &self.ready["wsPort"],
            _ => &self.ready["mqttPort"],
        };
        ProvisioningDeviceClient::builder(ID_SCOPE, credential, transport)
            .with_host(format!("localhost:{port}"))
            .with_ca_pem(&self.ca)
            .with_policy(Policy::default().with_wait_floor(std::time::Duration::from_millis(10)))
    }
}

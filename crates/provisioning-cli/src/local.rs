//! `--local`: a service of one's own, in this process, with a device that it knows.

use provisioning_device::{Credential, InvalidInput, X509Credential};
use provisioning_emulator::{DeviceIdentity, Emulator, RetryAfter};

use crate::failure::Failure;

/// A local service, and the device that will register with it.
pub(crate) struct LocalService {
    emulator: Emulator,
    device: DeviceIdentity,
}

impl LocalService {
    /// Starts the service on free ports of the loopback interface, and issues a certificate to `registration_id`.
    pub(crate) async fn start(registration_id: &str) -> Result<Self, Failure> {
        let emulator = Emulator::builder()
            .retry_after(RetryAfter::Seconds(1))
            .start()
            .await
            .map_err(|error| Failure::local(&error))?;
        let device = emulator
            .issue_device(registration_id)
            .map_err(|error| Failure::local(&error))?;
        Ok(Self { emulator, device })
    }

    pub(crate) fn id_scope(&self) -> &str {
        self.emulator.id_scope()
    }

    /// Where MQTT is spoken, over a WebSocket or not.
    pub(crate) fn host(&self, websocket: bool) -> String {
        if websocket {
            self.emulator.websocket_address()
        } else {
            self.emulator.mqtt_address()
        }
    }

    pub(crate) fn websocket_port(&self) -> u16 {
        self.emulator.websocket_port()
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.emulator.ca_pem()
    }

    pub(crate) fn credential(&self) -> Result<Credential, InvalidInput> {
        let DeviceIdentity {
            certificate_chain_pem,
            private_key_pem,
            ..
        } = &self.device;
        X509Credential::from_pem(certificate_chain_pem.as_bytes(), private_key_pem.as_bytes()).map(Credential::from)
    }

    /// Ends the service once its connections have ended.
    pub(crate) async fn stop(self) {
        self.emulator.shutdown().await;
    }
}

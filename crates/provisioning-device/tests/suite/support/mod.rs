//! Clients for an emulator, over both transports.

pub(crate) mod hub_broker;
pub(crate) mod in_memory;
pub(crate) mod recorder;

use std::time::Duration;

use provisioning_device::{Builder, Credential, Policy, ProvisioningDeviceClient, Transport};
use provisioning_emulator::Emulator;

pub(crate) const BOTH: [Transport; 2] = [Transport::Mqtt, Transport::MqttWs];

/// The address at which the emulator serves `transport`.
pub(crate) fn host(emulator: &Emulator, transport: Transport) -> String {
    match transport {
        Transport::MqttWs => emulator.websocket_address(),
        _ => emulator.mqtt_address(),
    }
}

/// The port at which the emulator serves `transport`.
pub(crate) fn port(emulator: &Emulator, transport: Transport) -> u16 {
    match transport {
        Transport::MqttWs => emulator.websocket_port(),
        _ => emulator.mqtt_port(),
    }
}

/// A client for the emulator, to be configured further.
pub(crate) fn builder(emulator: &Emulator, credential: impl Into<Credential>, transport: Transport) -> Builder {
    ProvisioningDeviceClient::builder(emulator.id_scope(), credential, transport)
        .with_host(host(emulator, transport))
        .with_ca_pem(emulator.ca_pem())
        .with_policy(Policy::default().with_wait_floor(Duration::from_millis(10)))
}

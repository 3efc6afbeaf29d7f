//! The addresses at which devices on this machine reach the emulator.

use std::sync::atomic::{AtomicU16, Ordering};

/// The host, and the ports of devices; 0 while the emulator does not listen.
pub(crate) struct Addresses {
    /// The address that was given to listen on, else `localhost`.
    pub(crate) host: String,
    mqtt_port: AtomicU16,
    websocket_port: AtomicU16,
}

impl Addresses {
    /// Without ports.
    pub(crate) fn new(host: String) -> Self {
        Self {
            host,
            mqtt_port: AtomicU16::new(0),
            websocket_port: AtomicU16::new(0),
        }
    }

    pub(crate) fn mqtt_port(&self) -> u16 {
        self.mqtt_port.load(Ordering::Relaxed)
    }

    pub(crate) fn set_mqtt_port(&self, port: u16) {
        self.mqtt_port.store(port, Ordering::Relaxed);
    }

    pub(crate) fn websocket_port(&self) -> u16 {
        self.websocket_port.load(Ordering::Relaxed)
    }

    pub(crate) fn set_websocket_port(&self, port: u16) {
        self.websocket_port.store(port, Ordering::Relaxed);
    }

    /// The host and port of MQTT over TLS, if it listens.
    pub(crate) fn mqtt(&self) -> Option<String> {
        self.with_port(self.mqtt_port())
    }

    /// The host and port of MQTT over WebSocket, if it listens.
    pub(crate) fn websocket(&self) -> Option<String> {
        self.with_port(self.websocket_port())
    }

    fn with_port(&self, port: u16) -> Option<String> {
        (port != 0).then(|| format!("{}:{port}", self.host))
    }
}

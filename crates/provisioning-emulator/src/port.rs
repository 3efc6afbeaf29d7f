//! The ports of the emulator.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A port of the emulator: what a connection to it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Port {
    /// MQTT.
    Mqtt,
    /// MQTT over WebSocket, and the HTTPS device API.
    WebSocket,
    /// HTTP/1.1: the control endpoint.
    Control,
    /// HTTP/1.1: the page. On a socket it has no TLS.
    Page,
}

impl Port {
    /// Whether devices connect to this port.
    pub(crate) fn is_for_devices(self) -> bool {
        match self {
            Self::Mqtt | Self::WebSocket => true,
            Self::Control | Self::Page => false,
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Mqtt => "mqtt",
            Self::WebSocket => "websocket",
            Self::Control => "control",
            Self::Page => "page",
        })
    }
}

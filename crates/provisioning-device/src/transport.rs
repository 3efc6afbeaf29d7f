//! Which transport, and the connectors that it stacks.

use std::time::Duration;

use provisioning_credentials::DeviceIdentity;
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::{Scheme, TlsConnector};
use provisioning_types::Endpoint;

/// How the client talks to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// MQTT over TLS, TCP port 8883.
    #[cfg(feature = "mqtt")]
    Mqtt,
    /// MQTT over a WebSocket over TLS, TCP port 443: for networks where only that port is open.
    #[cfg(feature = "websocket")]
    MqttWs,
    /// The former and, where its port is blocked, the latter. Each attempt has a timeout of its own, and what worked
    /// for an endpoint is tried first the next time.
    #[cfg(all(feature = "mqtt", feature = "websocket"))]
    MqttWithWebSocketFallback,
}

/// The parts of a transport.
pub(crate) struct Parts {
    pub(crate) tls: TlsConnector,
    pub(crate) endpoint: Endpoint,
    pub(crate) identity: DeviceIdentity,
    pub(crate) options: MqttOptions,
    /// How long [`Transport::MqttWithWebSocketFallback`] tries each way, unless it is the default.
    pub(crate) fallback_after: Option<Duration>,
}

impl Transport {
    pub(crate) fn assemble(self, parts: Parts) -> MqttTransport {
        let Parts {
            tls,
            endpoint,
            identity,
            options,
            fallback_after,
        } = parts;
        #[cfg(not(all(feature = "mqtt", feature = "websocket")))]
        let _ = fallback_after;
        #[cfg(feature = "websocket")]
        use provisioning_net::WebSocketConnector;
        match self {
            #[cfg(feature = "mqtt")]
            Self::Mqtt => MqttTransport::new(tls, endpoint, identity, options),
            #[cfg(feature = "websocket")]
            Self::MqttWs => MqttTransport::new(WebSocketConnector::new(tls), endpoint, identity, options),
            #[cfg(all(feature = "mqtt", feature = "websocket"))]
            Self::MqttWithWebSocketFallback => {
                let websocket = WebSocketConnector::new(tls.clone());
                let mut both = provisioning_net::FallbackConnector::new(tls, websocket);
                if let Some(timeout) = fallback_after {
                    both = both.with_attempt_timeout(timeout);
                }
                MqttTransport::new(both, endpoint, identity, options)
            }
        }
    }

    /// The scheme of the first connection.
    pub(crate) fn scheme(self) -> Scheme {
        match self {
            #[cfg(feature = "mqtt")]
            Self::Mqtt => Scheme::Mqtts,
            #[cfg(feature = "websocket")]
            Self::MqttWs => Scheme::Wss,
            #[cfg(all(feature = "mqtt", feature = "websocket"))]
            Self::MqttWithWebSocketFallback => Scheme::Mqtts,
        }
    }
}

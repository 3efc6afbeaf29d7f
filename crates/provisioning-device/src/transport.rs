//! Which transport, and what it is made of.

use std::{sync::Arc, time::Duration};

use provisioning_mqtt::{Connector, MqttOverStream, MqttTransport, Settings, TlsConnector};
use provisioning_types::{Credential, Endpoint};

/// How the service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// MQTT over TLS, TCP port 8883.
    #[cfg(feature = "mqtt")]
    Mqtt,
    /// MQTT over a WebSocket over TLS, TCP port 443: where only the web's port is open.
    #[cfg(feature = "websocket")]
    MqttWs,
    /// The former and, where its port is blocked, the latter. Each try has a limit of its own, and what worked for an
    /// endpoint is tried first the next time.
    #[cfg(all(feature = "mqtt", feature = "websocket"))]
    MqttThenWs,
}

/// What a transport is made of.
pub(crate) struct Parts {
    pub(crate) tls: TlsConnector,
    pub(crate) endpoint: Endpoint,
    pub(crate) credential: Credential,
    pub(crate) settings: Settings,
    /// How long [`Transport::MqttThenWs`] tries each way, unless it is the default.
    pub(crate) fallback_after: Option<Duration>,
}

impl Transport {
    pub(crate) fn assemble(self, parts: Parts) -> MqttTransport {
        let Parts {
            tls,
            endpoint,
            credential,
            settings,
            fallback_after,
        } = parts;
        let base = |connector: Arc<dyn Connector>| Arc::new(MqttOverStream::new(connector));
        #[cfg(feature = "websocket")]
        let websocket = || Arc::new(crate::websocket::WebSocketConnector::new(tls.clone()));
        #[cfg(not(all(feature = "mqtt", feature = "websocket")))]
        let _ = fallback_after;
        match self {
            #[cfg(feature = "mqtt")]
            Self::Mqtt => MqttTransport::mqtt(base(Arc::new(tls)), endpoint, credential, settings),
            #[cfg(feature = "websocket")]
            Self::MqttWs => MqttTransport::mqtt_ws(base(websocket()), endpoint, credential, settings),
            #[cfg(all(feature = "mqtt", feature = "websocket"))]
            Self::MqttThenWs => {
                let mut both = provisioning_mqtt::FallbackConnector::new(Arc::new(tls.clone()), websocket());
                if let Some(limit) = fallback_after {
                    both = both.with_limit(limit);
                }
                MqttTransport::mqtt(base(Arc::new(both)), endpoint, credential, settings)
            }
        }
    }

    /// How the first connection is addressed.
    pub(crate) fn scheme(self) -> provisioning_mqtt::Scheme {
        match self {
            #[cfg(feature = "mqtt")]
            Self::Mqtt => provisioning_mqtt::Scheme::Mqtts,
            #[cfg(feature = "websocket")]
            Self::MqttWs => provisioning_mqtt::Scheme::Wss,
            #[cfg(all(feature = "mqtt", feature = "websocket"))]
            Self::MqttThenWs => provisioning_mqtt::Scheme::Mqtts,
        }
    }
}

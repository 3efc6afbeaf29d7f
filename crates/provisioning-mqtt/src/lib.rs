//! The MQTT 3.1.1 transport of the device client for Azure IoT Hub Device Provisioning Service (DPS): topics, a session
//! over any byte stream, and TLS.
//!
//! [`MqttTransport`] fulfils [`PollingTransport`](provisioning_types::PollingTransport) over an [`MqttBase`];
//! [`MqttOverStream`] is the one that speaks MQTT with rumqttc's codec over the byte streams of a [`Connector`],
//! such as [`TlsConnector`]. Most users take the facade crate `provisioning-device`; take this one to bring a
//! connector of your own: a tunnel, a modem, a test.
//!
//! ```
//! use std::sync::Arc;
//! use provisioning_mqtt::{MqttOverStream, MqttTransport, Settings, Tls, TlsConnector};
//! use provisioning_types::{Credential, Endpoint};
//!
//! fn transport(tls: Tls, credential: Credential) -> MqttTransport {
//!     let base = Arc::new(MqttOverStream::new(Arc::new(TlsConnector::new(tls))));
//!     MqttTransport::mqtt(base, Endpoint::default(), credential, Settings::default())
//! }
//! ```
//!
//! [`FallbackConnector`] goes on over a WebSocket where MQTT's port is blocked; [`TlsConnector::probe`] tells what each
//! step of a connection shows.
//!
//! # Features
//! - `ring`, `aws-lc-rs`: the TLS provider that `Tls::new` uses; ring if both are on. With neither, pass one to
//!   [`Tls::with_provider`].
//! - `mock`: generates `MockMqttBase` and `MockMqttSession` with mockall.
//!
//! # Limits
//! MQTT 5, QoS 2 and persistent sessions are not spoken: the service has none of them. A tokio runtime is needed; each
//! connection is served by one task.

mod answers;
mod base;
mod config;
mod connector;
mod fallback;
#[cfg(feature = "mock")]
mod mock;
mod probe;
mod proxy;
mod refused;
mod remote_key;
mod session;
mod tls;
mod topic;
mod transport;

pub use base::{Message, MqttBase, MqttSession, SessionEvent, SessionEvents};
pub use config::{Scheme, ServiceUri, Settings, TransportConfig, WallClock};
pub use connector::{BoxedStream, ByteStream, Connector, TlsConnector};
pub use fallback::FallbackConnector;
#[cfg(feature = "mock")]
pub use mock::{MockMqttBase, MockMqttSession};
pub use probe::Probe;
pub use proxy::{Proxy, ProxyRules};
pub use session::{MqttOverStream, connection_error};
pub use tls::{Tls, TlsVersion};
pub use transport::MqttTransport;

//! The MQTT 3.1.1 transport of the device client for Azure IoT Hub Device Provisioning Service (DPS), over any byte
//! stream.
//!
//! [`MqttTransport`] implements [`PollingTransport`](provisioning_types::PollingTransport) over the byte streams of a
//! [`Connector`](provisioning_net::Connector). Most users take the facade crate `provisioning-device`; take this one to
//! bring a connector of your own (a tunnel, a modem, a test), or for the wire [`protocol`] alone.
//!
//! ```
//! use provisioning_mqtt::{MqttOptions, MqttTransport};
//! use provisioning_net::Connector;
//! use provisioning_types::{Endpoint, Identity};
//!
//! fn transport(connector: impl Connector + 'static, identity: impl Identity + 'static) -> MqttTransport {
//!     MqttTransport::new(connector, Endpoint::default(), identity, MqttOptions::default())
//! }
//! ```
//!
//! The wire protocol alone, for another MQTT client:
//!
//! ```
//! use provisioning_mqtt::protocol;
//!
//! assert_eq!(protocol::register_topic("1"), "$dps/registrations/PUT/iotdps-register/?$rid=1");
//! ```
//!
//! # Features
//! There are none. To test a transport or a connector of your own, see the `conformance` modules of
//! `provisioning-types` and `provisioning-net`.
//!
//! # Limits
//! MQTT 5, QoS 2 and persistent sessions are not supported: the service has none of them. A tokio runtime is needed;
//! one task serves each connection.

mod mqtt_connector;
mod options;
mod permit;
mod pipelining;
pub mod probe;
pub mod protocol;
mod session;
mod transport;

pub use async_trait::async_trait;
pub use mqtt_connector::{Login, Message, MqttConnector, MqttSession, SessionEvent, SessionEvents};
pub use options::MqttOptions;
pub use permit::{WritePermit, Written};
pub use pipelining::Pipelining;
pub use session::MqttOverStream;
pub use transport::MqttTransport;

//! Byte streams to the Azure IoT Hub Device Provisioning Service (DPS): addresses, proxies, TLS, WebSocket, fallback
//! and probing. Each is a [`Connector`], and connectors stack.
//!
//! Most users take the facade crate `provisioning-device`. Take this crate to write a transport, or to bring a
//! connector for a tunnel, a modem or a test:
//!
//! ```
//! use async_trait::async_trait;
//! use provisioning_net::{BoxedStream, Connector, FallbackConnector, Scheme, ServiceUri, Target, TcpConnector};
//! use provisioning_types::{ConnectionEvent, Progress, TransportError};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! /// A service in this process.
//! #[derive(Debug)]
//! struct InMemory;
//!
//! #[async_trait]
//! impl Connector for InMemory {
//!     fn scheme(&self) -> Scheme {
//!         Scheme::Wss
//!     }
//!
//!     async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
//!         target.report(progress);
//!         let (device, mut service) = tokio::io::duplex(64);
//!         tokio::spawn(async move { service.write_all(b"hello").await });
//!         Ok(Box::new(device))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // TCP first, and the service in memory where the port is closed.
//! let connector = FallbackConnector::new(TcpConnector::new(), InMemory);
//! let uri = ServiceUri::new(connector.scheme(), "127.0.0.1:1".parse()?);
//! let print = |event: ConnectionEvent| println!("{event:?}");
//! let mut stream = connector.connect(&Target::new(&uri), Progress::new(&print)).await?;
//!
//! let mut text = String::new();
//! stream.read_to_string(&mut text).await?;
//! assert_eq!(text, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! None is enabled by default.
//! - `tls`: `TlsConnector`, its settings `Tls`, and `Probe`, which keeps what each step of a connection showed.
//! - `ring`, `aws-lc-rs`: the TLS provider that `Tls::new` uses, beside `tls`; ring if both are enabled. With neither,
//!   pass one to `Tls::with_provider`.
//! - `platform-roots`: trusts what the platform trusts, unless roots are given. Enables `tls`.
//! - `websocket`: `WebSocketConnector`.
//! - `mock`: the tests that every connector must pass, in `conformance`.
//!
//! # Limits
//! A tokio runtime is needed. The system's resolver blocks a thread of its own, also after its caller has stopped
//! waiting. TLS sessions are not resumed: every connection presents and verifies the certificates.
//! A proxy is spoken to without TLS.

mod address;
mod attempt_limit;
mod blocking;
#[cfg(feature = "mock")]
pub mod conformance;
mod connection_error;
mod connector;
mod deadline;
mod exhausted;
mod fallback;
mod peer;
mod peer_address;
#[cfg(feature = "tls")]
mod probe;
mod proxy;
mod target;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod unanswered;
mod uri;
#[cfg(feature = "websocket")]
mod websocket;

pub use address::{AddressAttempt, AddressOutcome};
pub use async_trait::async_trait;
pub use blocking::run_blocking;
pub use connection_error::connection_error;
pub use connector::{BoxedStream, ByteStream, Connector};
pub use fallback::FallbackConnector;
pub use peer::not_mqtt;
pub use peer_address::PeerAddress;
#[cfg(feature = "tls")]
pub use probe::Probe;
pub use proxy::{Proxy, ProxyRules};
#[cfg(feature = "tls")]
pub use rustls;
pub use target::Target;
pub use tcp::TcpConnector;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsConnector, TlsFailure, TlsProvider, TlsVersion};
pub use unanswered::Unanswered;
pub use uri::{Scheme, ServiceUri};
#[cfg(feature = "websocket")]
pub use websocket::WebSocketConnector;

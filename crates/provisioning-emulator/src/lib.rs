//! A local Azure IoT Hub Device Provisioning Service (DPS), to develop and test devices against, offline: MQTT 3.1.1
//! and MQTT over WebSocket, over real TLS with client certificates, from its own CA.
//!
//! It is written from the protocol's description and shares no code with this project's client (rumqttc's codec
//! apart), so that a mistake in one does not hide in the other.
//!
//! ```
//! use provisioning_emulator::{Device, Emulator, RetryAfter};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), provisioning_emulator::EmulatorError> {
//! let emulator = Emulator::builder()
//!     .id_scope("0ne00A1B2C3")
//!     .retry_after(RetryAfter::Seconds(1))
//!     .device(Device::new("unlucky").refused(401, 401_002, "Invalid certificate."))
//!     .start()
//!     .await?;
//!
//! // A device that trusts `emulator.ca_pem()` registers at `emulator.mqtt_address()` with this.
//! let device = emulator.issue_device("device-1")?;
//! assert!(device.certificate_chain_pem.starts_with("-----BEGIN CERTIFICATE-----"));
//!
//! assert!(emulator.log().is_empty(), "nobody has connected yet");
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`Emulator::connect`] makes a connection in memory, with or without TLS, which works in tokio's paused time.
//!
//! [`Emulator::log`] has every packet and decision, [`Emulator::wait_for`] waits for one, and
//! [`Emulator::registrations`] has what became of the devices.
//!
//! With [`Builder::control_port`] it takes calls of the service's REST API, over HTTPS and signed as
//! [`Emulator::connection_string`] says; with [`Builder::page_port`] it shows a page of what happens, on loopback only.
//!
//! # What it checks
//! What the service checks and a lenient codec does not: protocol level, reserved flags, packet ids, who may send what,
//! no will; that client id, user name and the certificate's common name agree; the id scope; keep-alive; one connection
//! per registration id. Then the device's [`Enrollment`], its own or its group's: its certificate, its CA or its
//! key, and of a token the resource, the expiry and the signature. Without any, all devices are enrolled that its CA
//! signed, and all whose keys are derived from [`Emulator::group_key`]. What it refuses it says in its log, and to
//! the device as the service does.
//!
//! # Faults
//! It goes wrong on purpose where a [`Fault`] says so: by name, at a [`Step`], for one device or for any, once, so many
//! times or always. `docs/emulator.md` lists the names. Each fault that strikes is a line in the log, `fault`.
//!
//! ```
//! use provisioning_emulator::{Cut, Effect, Emulator, Fault, Step};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder()
//!     .fault(Fault::new(Effect::Reset(Cut::AfterSent(2)), Step::Suback)?.device("device-1").times(3))
//!     .start_in_memory()?;
//! // The same words as in a configuration.
//! emulator.inject(serde_json::from_str(r#"{"name": "delay", "step": "answer", "seconds": 20, "count": "always"}"#)?);
//! assert_eq!(emulator.faults().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! `cli`, on by default: the command `dps-emulator`, and its flags for programs that offer it. Depend on the library
//! with `default-features = false`.
//!
//! # Limits
//! There are as many connections at the same time as [`Builder::max_connections`] says; the log keeps what is newest.
//! Its enrollments know no TPM attestation, which the service does not offer over MQTT, and no references to CAs
//! that are kept elsewhere; geo-latency allocation is as hashed. Nothing is kept after its end but the keys and
//! certificates in its folder.

mod allocation;
mod builder;
mod channel;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod connection;
mod control;
mod device;
mod emulator;
mod enrollment;
mod error;
mod fault;
mod folder;
mod http;
mod keys;
mod layers;
mod linger;
mod link;
mod log;
mod page;
mod peer;
mod pki;
mod port;
mod refused;
mod registration;
mod registry;
mod service;
mod stamps;
mod tls;
mod topic;
mod websocket;
mod wire;

pub use builder::Builder;
pub use config::{Config, ConfigError};
pub use device::{Device, KeyKind, RetryAfter};
pub use emulator::Emulator;
pub use enrollment::{AllocationPolicy, Enrollment};
pub use error::EmulatorError;
pub use fault::{Cut, Effect, Fault, FaultError, Step};
pub use folder::Folder;
pub use link::{Link, Security};
pub use log::{Direction, LogEntry, LogKind};
pub use pki::DeviceIdentity;
pub use port::Port;
pub use registration::{Registration, RegistrationStatus};
pub use tls::TlsVersions;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/emulator.md")]
struct Manual;

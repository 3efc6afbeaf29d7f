//! A local Azure IoT Hub Device Provisioning Service (DPS), to develop and test devices against, offline: MQTT 3.1.1,
//! MQTT over WebSocket and HTTPS, over real TLS with client certificates, from its own CA.
//!
//! It is written from the description of the protocol and shares no code with this project's client, except rumqttc's
//! codec, so that a mistake in shared code cannot cancel itself out.
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
//! assert!(emulator.log().is_empty(), "no device has connected yet");
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`Emulator::connect`] makes a connection in memory, with or without TLS, which works in tokio's paused time.
//!
//! [`Emulator::log`] has every packet and decision, [`Emulator::wait_for`] waits for one, and
//! [`Emulator::registrations`] has the registrations of the devices.
//!
//! With [`Builder::control_port`] it takes calls of the service's REST API, over HTTPS and signed as
//! [`Emulator::connection_string`] says; with [`Builder::page_port`] it serves a page for browsers, on loopback only.
//!
//! # What it checks
//! What the service checks and a lenient codec does not: protocol level, reserved flags, packet ids, which packets a
//! device may send, no will; that client id, user name and the certificate's common name are equal; the id scope;
//! keep-alive; one connection per registration id. Then the device's [`Enrollment`], its own or its group's: the
//! certificate, the CA or the key, and of a token the resource, the expiry and the signature. Two groups are built in:
//! all devices whose certificates its CA signed, and all whose keys are derived from [`Emulator::group_key`]. Each
//! refusal is one entry of the log, [`LogEntry::is_refusal`], with the reason; the device gets the answer of the service.
//!
//! # Faults
//! Named faults make the emulator misbehave: a [`Fault`] has an [`Effect`] at a [`Step`], for one device or for every
//! device, once, a number of times or always. `docs/emulator/fault-reference.md` lists the names. Each fault that
//! triggers is logged.
//!
//! ```
//! use provisioning_emulator::{Cut, Effect, Emulator, Fault, Step};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder()
//!     .fault(Fault::new(Effect::Reset(Cut::AfterSent(2)), Step::Suback)?.device("device-1").times(3))
//!     .start_in_memory()?;
//! // As in a configuration.
//! emulator.inject(serde_json::from_str(r#"{"name": "delay", "step": "answer", "seconds": 20, "count": "always"}"#)?);
//! assert_eq!(emulator.faults().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! `cli`, on by default: the command `dps-emulator`, and its flags for programs that offer it. It enables `rsa`, keys for
//! clients without elliptic curves, and `platform-roots`, the roots of the platform for webhooks over HTTPS. Depend on
//! the library with `default-features = false`.
//!
//! # Limits
//! The number of simultaneous connections is limited to [`Builder::max_connections`]; the log keeps the newest entries.
//! There is no TPM attestation, which the service does not offer over MQTT, and there are no references to CAs that are
//! stored elsewhere; geo-latency allocation selects the first hub. The keys and certificates in the folder outlive the
//! emulator, and with [`Builder::persist`] enrollments and registrations.

mod builder;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod device;
mod emulator;
mod enrollment;
mod error;
mod faults;
mod file_lock;
mod http;
mod identifiers;
mod identity;
mod input;
mod log;
mod mqtt;
mod net;
mod persistence;
mod port;
mod private_file;
mod refusal;
mod registration;
mod retry_after;
mod service;
mod start;
mod webhook;

pub use builder::Builder;
pub use config::{Config, ConfigError};
pub use device::Device;
pub use emulator::Emulator;
pub use enrollment::{AllocationPolicy, Enrollment};
pub use error::EmulatorError;
pub use faults::{Cut, Effect, Fault, FaultError, Step};
pub use identity::{DeviceIdentity, Folder, KeyKind};
pub use log::{Direction, LogEntry, LogKind};
pub use net::{Link, Security, TlsVersions};
pub use port::Port;
pub use registration::{Registration, RegistrationStatus};
pub use retry_after::RetryAfter;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/emulator/in-tests.md")]
struct Manual;

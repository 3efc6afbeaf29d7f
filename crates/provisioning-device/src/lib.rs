//! The device client for Azure IoT Hub Device Provisioning Service (DPS): a device proves who it is, asks which IoT
//! hub it belongs to, and gets its answer, over MQTT or MQTT over WebSocket.
//!
//! This crate wires the others together: [`ProvisioningDeviceClient`] is a credential, a [`Transport`] and the
//! registration state machine. Its parts can be used alone: `provisioning-client` (the state machine),
//! `provisioning-mqtt` and `provisioning-websocket` (the transports), `provisioning-types` (what they share).
//!
//! ```no_run
//! use provisioning_device::{ProvisioningDeviceClient, Transport, x509_from_files};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let credential = x509_from_files("device.pem", "device.key")?;
//! let client = ProvisioningDeviceClient::builder("0ne00A1B2C3", credential, Transport::Mqtt).build()?;
//! let assignment = client.register().await?;
//! println!("{} belongs to {}", assignment.device_id(), assignment.assigned_hub());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `mqtt` (default): [`Transport::Mqtt`].
//! - `websocket` (default): [`Transport::MqttWs`].
//! - `ring` (default), `aws-lc-rs`: the TLS provider; ring if both are on. With neither, pass one with
//!   `Builder::with_tls`.
//! - `generate-csr`: `generate_csr`, a new key and the certificate signing request for it.
//! - `blocking`: `register_blocking`, for programs without a runtime.
//!
//! # Limits
//! The service does not offer TPM attestation over MQTT. A tokio runtime with time and I/O enabled is needed, unless
//! the blocking calls are used.

#[cfg(all(feature = "blocking", any(feature = "mqtt", feature = "websocket")))]
mod blocking;
#[cfg(any(feature = "mqtt", feature = "websocket"))]
mod builder;
#[cfg(any(feature = "mqtt", feature = "websocket"))]
mod client;
#[cfg(all(feature = "generate-csr", any(feature = "ring", feature = "aws-lc-rs")))]
mod csr;
mod files;
#[cfg(any(feature = "mqtt", feature = "websocket"))]
mod transport;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use builder::Builder;
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use client::ProvisioningDeviceClient;
#[cfg(all(feature = "generate-csr", any(feature = "ring", feature = "aws-lc-rs")))]
pub use csr::{GeneratedRequest, generate_csr};
pub use files::{sas_token_from_file, symmetric_key_from_file, x509_from_encrypted_files, x509_from_files};
pub use provisioning_client::{FailureReason, Policy, Recovery, RegisterError, StatusEvent, StatusEvents};
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use provisioning_mqtt::{BoxedStream, Probe, Settings, Tls, TlsVersion, WallClock};
pub use provisioning_types::{
    ApiVersion, Assignment, AttestationState, CertificateSigningRequest, ClockSkew, Credential, CredentialSource,
    Endpoint, ErrorCode, ErrorKind, Host, HubConnection, HubConnectionError, HubProof, HubRefusals, IdScope,
    InvalidInput, IssuedChain, IssuedChainError, NextAssignment, Phase, PrivateKey, RegistrationId,
    RegistrationRequest, RegistrationState, SasToken, Secret, ServiceError, SignatureScheme, StoredAssignment,
    Substatus, SymmetricKey, SymmetricSigner, TransportError, X509Credential, X509Signer,
};
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use transport::Transport;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

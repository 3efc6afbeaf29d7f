//! The device client for Azure IoT Hub Device Provisioning Service (DPS): a device proves who it is, asks which IoT
//! hub it belongs to, and gets its answer, over MQTT or MQTT over WebSocket.
//!
//! This crate wires the others together: [`ProvisioningDeviceClient`] is a credential, a [`Transport`] and the
//! registration state machine. Each part can be used alone: `provisioning-client` (the state machine),
//! `provisioning-credentials`, `provisioning-mqtt` (the transport), `provisioning-net` (byte streams) and
//! `provisioning-types` (what they share).
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
//! - `websocket` (default): [`Transport::MqttWs`]; with `mqtt` also [`Transport::MqttWithWebSocketFallback`].
//! - `ring` (default), `aws-lc-rs`: the TLS provider; ring if both are enabled. With neither, pass one with
//!   `Builder::with_tls`.
//! - `platform-roots` (default): trusts what the platform trusts, unless CA certificates are given. Without it they
//!   must be given.
//! - `encrypted-keys` (default): `x509_from_encrypted_files`.
//! - `generate-csr`: `GeneratedRequest`, a new key and the certificate signing request for it.
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
#[cfg(any(feature = "mqtt", feature = "websocket"))]
mod transport;

#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use builder::Builder;
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use client::ProvisioningDeviceClient;
pub use provisioning_client::{
    FailureReason, NextAssignment, Policy, Recovery, RegisterError, ReprovisioningPolicy, StatusEvent, StatusEvents,
};
#[cfg(all(feature = "generate-csr", any(feature = "ring", feature = "aws-lc-rs")))]
pub use provisioning_credentials::GeneratedRequest;
#[cfg(feature = "encrypted-keys")]
pub use provisioning_credentials::x509_from_encrypted_files;
pub use provisioning_credentials::{
    CertificateSigningRequest, Credential, CredentialSource, HubAuth, HubConnection, HubConnectionError, IssuedChain,
    IssuedChainError, SasToken, SymmetricKey, SymmetricSigner, TrustedRoots, WallClock, X509Credential,
    sas_token_from_file, symmetric_key_from_file, x509_from_files,
};
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use provisioning_mqtt::MqttOptions;
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use provisioning_net::{BoxedStream, Probe, Tls, TlsVersion};
pub use provisioning_types::{
    ApiVersion, Assignment, AttestationState, ClockSkew, CsrDer, Endpoint, ErrorCode, ErrorKind, Host, IdScope,
    InvalidInput, Payload, Phase, PrivateKey, RegistrationId, RegistrationRequest, RegistrationState, RootSource,
    Secret, ServiceError, SignatureScheme, StoredAssignment, Substatus, TransportError, X509Signer,
};
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use transport::Transport;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

//! The device client for Azure IoT Hub Device Provisioning Service (DPS): a device proves who it is, asks which IoT
//! hub it belongs to, and gets its answer, over MQTT or MQTT over WebSocket.
//!
//! This crate wires the others together: [`ProvisioningDeviceClient`] is a credential, a [`Transport`] and the
//! registration state machine. Each part can be used alone: `provisioning-client` (the state machine),
//! `provisioning-credentials`, `provisioning-mqtt` (the transport), `provisioning-net` (byte streams) and
//! `provisioning-types` (what they share).
//!
//! ```
//! use provisioning_device::{ProvisioningDeviceClient, SymmetricKey, Transport};
//! use provisioning_emulator::Emulator;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A local service. Without `with_host` and `with_ca_pem` it is Azure's, trusted as the platform says.
//! let dps = Emulator::builder().start().await?;
//! let key = SymmetricKey::from_base64(&dps.device_key("device-1").expect("a device of the group"))?;
//!
//! let client = ProvisioningDeviceClient::builder(dps.id_scope(), key, Transport::Mqtt)
//!     .with_registration_id("device-1")
//!     .with_host(dps.mqtt_address())
//!     .with_ca_pem(dps.ca_pem())
//!     .build()?;
//! let assignment = client.register().await?;
//! println!("{} belongs to {}", assignment.device_id(), assignment.assigned_hub());
//! # assert_eq!(assignment.device_id(), "device-1");
//! # dps.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! - **Credentials** are X.509 certificates, symmetric keys and SAS tokens: values, files that are read again for every
//!   connection, a [`CredentialSource`], or signers for keys that cannot be exported ([`X509Signer`],
//!   [`SymmetricSigner`]). [`Builder`] takes them, and everything else that can be set.
//! - **Events** ([`ProvisioningDeviceClient::events`]) say what happens meanwhile; the last of a registration is
//!   [`StatusEvent::Ended`]. A registration is also one `tracing` span, `register`.
//! - **After the registration**, [`HubConnection`] has what any MQTT 3.1.1 client connects to the assigned hub with.
//!   [`StoredAssignment`] keeps the assignment over restarts, and
//!   [`stay_assigned`](ProvisioningDeviceClient::stay_assigned) keeps a device at its hub for good.
//! - **Ending**: drop the future, [`cancel`](ProvisioningDeviceClient::cancel) and register again, or
//!   [`close`](ProvisioningDeviceClient::close) for good, which shows how to shut down many clients.
//! - **Errors**: [`InvalidInput`] before any connection, and [`RegisterError`], which says at which step, why, when to
//!   retry, and what to look at first.
//!
//! # Features
//! - `mqtt` (default): [`Transport::Mqtt`].
//! - `websocket` (default): [`Transport::MqttWs`]. With `mqtt` also [`Transport::MqttWithWebSocketFallback`].
//! - `ring` (default), `aws-lc-rs`: the TLS provider; ring if both are enabled, unless `Builder::with_tls_provider`
//!   names the other. With neither, pass one with `Builder::with_tls`.
//! - `platform-roots` (default): trusts what the platform trusts, unless CA certificates are given. Without it they
//!   must be given.
//! - `encrypted-keys` (default): `x509_from_encrypted_files`.
//! - `generate-csr`: `CertificateSigningRequest::sign`, a request for a key behind a signer, and `GeneratedRequest`, a
//!   new key and the request for it. Needs a TLS provider.
//! - `blocking`: `register_blocking`, for programs without a runtime.
//!
//! # Limits
//! The service does not offer TPM attestation over MQTT. A tokio runtime with time and I/O enabled is needed, unless
//! the blocking calls are used.

#[cfg(all(feature = "generate-csr", not(any(feature = "ring", feature = "aws-lc-rs"))))]
compile_error!("the feature `generate-csr` makes a key with a TLS provider: enable `ring` or `aws-lc-rs` too");

#[cfg(all(
    any(feature = "blocking", feature = "platform-roots"),
    not(any(feature = "mqtt", feature = "websocket"))
))]
compile_error!("the features `blocking` and `platform-roots` are of a client: enable `mqtt` or `websocket` too");

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
    FailureReason, HubResult, NextAssignment, Policy, Provisioned, Recovery, RegisterError, RegistrationEvent,
    ReprovisioningPolicy, StatusEvent, StatusEvents,
};
#[cfg(all(feature = "generate-csr", any(feature = "ring", feature = "aws-lc-rs")))]
pub use provisioning_credentials::GeneratedRequest;
#[cfg(feature = "encrypted-keys")]
pub use provisioning_credentials::x509_from_encrypted_files;
pub use provisioning_credentials::{
    CertificateDefect, CertificateSigningRequest, Credential, CredentialSource, DEFAULT_SAS_LIFETIME, HubAuth,
    HubConnection, InputFile, IssuedChain, IssuedChainError, SasToken, SymmetricKey, SymmetricSigner, TrustedRoots,
    WallClock, X509Credential, sas_token_from_file, symmetric_key_from_file, x509_from_files,
};
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use provisioning_mqtt::{MqttOptions, Pipelining, probe as mqtt_probe};
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use provisioning_net::{
    AddressAttempt, AddressOutcome, BoxedStream, ByteStream, Connector, Probe, Proxy, ProxyRules, Scheme, ServiceUri,
    Target, Tls, TlsFailure, TlsProvider, TlsVersion, Unanswered, connection_error, rustls,
};
pub use provisioning_types::{
    ApiVersion, Assignment, AttestationState, ClientCertificate, ClockSkew, ConnectionEvent, ConnectionProfile,
    CredentialError, CsrDer, Endpoint, ErrorCode, ErrorKind, Host, IdScope, InvalidInput, Payload, Phase,
    PollingTransport, PrivateKey, Progress, RegistrationId, RegistrationRequest, RegistrationState, RegistrationStatus,
    Request, Response, RootSource, Secret, ServiceError, SignatureScheme, StoredAssignment, StoredError, Substatus,
    TransportError, WaitStep, Waiting, X509Signer, async_trait, error_message, is_secret_instead_of_path,
    is_secret_text,
};
#[cfg(any(feature = "mqtt", feature = "websocket"))]
pub use transport::Transport;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

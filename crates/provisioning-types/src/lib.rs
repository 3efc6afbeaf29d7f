//! What the crates of the device client for Azure IoT Hub Device Provisioning Service (DPS) share: checked identifiers,
//! the request, the service's responses, errors, and the contracts of a transport ([`PollingTransport`]), of an
//! identity ([`Identity`]) and of a trust store ([`RootSource`]).
//!
//! Nothing here opens a connection, reads a file, does cryptography or needs a runtime. Most users take the facade
//! crate `provisioning-device`; take this one to write a transport, an identity, or a state machine over a transport.
//!
//! ```
//! use provisioning_types::{IdScope, RegistrationId, RegistrationRequest};
//!
//! let request = RegistrationRequest::new(IdScope::new("0ne00A1B2C3")?, RegistrationId::new("device-1")?)
//!     .with_payload(serde_json::json!({"site": "north"}));
//! assert_eq!(request.registration_id().as_str(), "device-1");
//!
//! let error = IdScope::new("not an id scope").unwrap_err();
//! assert_eq!(error.input(), "id scope");
//! # Ok::<(), provisioning_types::InvalidInput>(())
//! ```
//!
//! # Beyond the assignment
//! A [`CsrDer`] in the request asks the service for a certificate of the device's own key. A [`StoredAssignment`] keeps
//! the assignment over restarts. The crate `provisioning-credentials` makes signing requests, checks issued
//! certificates, and has what an MQTT client needs to connect to the assigned hub.
//!
//! # Features
//! - `mock`: generates `MockPollingTransport` with mockall, for the tests of what drives a transport, and has the tests
//!   that every transport must pass in `conformance`.
//!
//! # Limits
//! Credentials are not part of this crate: an [`Identity`] says only what a connection presents as its [`Proof`].

mod blocking_key;
#[cfg(feature = "mock")]
pub mod conformance;
mod connection_profile;
mod conversions;
mod credential_error;
mod endpoint;
mod error_code;
mod error_kind;
mod error_message;
mod host;
mod identity;
mod invalid_input;
mod latest;
#[cfg(feature = "mock")]
mod mock;
mod payload;
mod proof;
mod registration_state;
mod request;
mod response;
mod roots;
mod secret;
mod secret_text;
mod service_error;
mod signing_request;
mod stored;
mod transport;
mod transport_error;
mod waiting;
mod x509_signer;

pub use async_trait::async_trait;
pub use blocking_key::BlockingKey;
pub use connection_profile::ConnectionProfile;
pub use credential_error::CredentialError;
pub use endpoint::{Endpoint, WEBSOCKET_PATH};
pub use error_code::ErrorCode;
pub use error_kind::{ErrorKind, Phase};
pub use error_message::error_message;
pub use host::{GLOBAL_HOST, Host};
pub use identity::{ApiVersion, IdScope, RegistrationId};
pub use invalid_input::InvalidInput;
pub use latest::Latest;
#[cfg(feature = "mock")]
pub use mock::MockPollingTransport;
pub use payload::Payload;
pub use proof::{ClientCertificate, Identity, PrivateKey, Proof};
pub use registration_state::{Assignment, AttestationState, RegistrationState, Substatus};
pub use request::RegistrationRequest;
pub use response::{RegistrationStatus, Response};
pub use roots::RootSource;
pub use secret::Secret;
pub use secret_text::{is_secret_instead_of_path, is_secret_text};
pub use service_error::{ClockSkew, ServiceError};
pub use signing_request::CsrDer;
pub use stored::{StoredAssignment, StoredError};
pub use transport::{ConnectionEvent, PollingTransport, Progress, Request};
pub use transport_error::TransportError;
pub use waiting::{WaitStep, Waiting};
pub use x509_signer::{SignatureScheme, X509Signer};

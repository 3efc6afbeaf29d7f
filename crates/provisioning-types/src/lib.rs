//! What the crates of the device client for Azure IoT Hub Device Provisioning Service (DPS) share: checked identities,
//! credentials, the service's answers, errors, and [`PollingTransport`], the contract that a transport fulfils.
//!
//! Nothing here opens a connection, reads a file or needs a runtime. Most users take the facade crate
//! `provisioning-device`; take this one to write a transport of your own, or a state machine over one.
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
//! A [`CertificateSigningRequest`] in the request asks the service for a certificate of the device's own key. What it
//! issues comes with the answer, and [`IssuedChain`] checks it before use. A [`StoredAssignment`] keeps the answer over
//! restarts, and [`HubRefusals`] says when to ask for a new one. [`HubConnection`] has what any MQTT client needs to
//! connect to the assigned hub.
//!
//! # Features
//! - `mock`: generates `MockPollingTransport` with mockall, for the tests of what drives a transport.

mod answer;
mod credential;
mod credential_source;
mod csr;
mod endpoint;
mod error_code;
mod error_kind;
mod hub;
mod identity;
mod invalid_input;
mod issued_chain;
#[cfg(feature = "mock")]
mod mock;
mod registration_state;
mod request;
mod sas;
mod secret;
mod service_error;
mod stored;
mod symmetric_key;
mod transport;
mod transport_error;
mod x509_credential;
mod x509_signer;

pub use answer::{Answer, AnswerStatus};
pub use credential::Credential;
pub use credential_source::CredentialSource;
pub use csr::CertificateSigningRequest;
pub use endpoint::{Endpoint, GLOBAL_HOST, Host, WEBSOCKET_PATH};
pub use error_code::ErrorCode;
pub use error_kind::{ErrorKind, Phase};
pub use hub::{HubConnection, HubConnectionError, HubProof};
pub use identity::{ApiVersion, IdScope, RegistrationId};
pub use invalid_input::InvalidInput;
pub use issued_chain::{IssuedChain, IssuedChainError};
#[cfg(feature = "mock")]
pub use mock::MockPollingTransport;
pub use registration_state::{Assignment, AttestationState, RegistrationState, Substatus};
pub use request::RegistrationRequest;
pub use sas::{DEFAULT_SAS_LIFETIME, SasToken};
pub use secret::Secret;
pub use service_error::{ClockSkew, ServiceError};
pub use stored::{HubRefusals, NextAssignment, StoredAssignment};
pub use symmetric_key::{SymmetricKey, SymmetricSigner};
pub use transport::{ConnectionStep, PollingTransport, Progress};
pub use transport_error::TransportError;
pub use x509_credential::{PrivateKey, X509Credential};
pub use x509_signer::{SignatureScheme, X509Signer};

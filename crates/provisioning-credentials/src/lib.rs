//! What a device proves itself with to Azure IoT Hub Device Provisioning Service (DPS): X.509 chains and keys,
//! symmetric keys, SAS tokens, and signers for keys that stay outside this process. It also makes certificate signing
//! requests, checks the certificates that the service issues for them, and prepares the connection to the assigned hub.
//!
//! A [`Credential`] becomes what a transport asks for with [`DeviceIdentity`]:
//!
//! ```
//! use provisioning_credentials::{DeviceIdentity, SymmetricKey};
//! use provisioning_types::{IdScope, Identity, RegistrationId, RegistrationRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let id = RegistrationId::new("device-1")?;
//! // A device's own key; only the factory knows the key of the enrollment group.
//! let key = SymmetricKey::from_base64("Z3JvdXAga2V5")?.derive(&id);
//! let identity = DeviceIdentity::new(key);
//!
//! let proof = identity.prove(&RegistrationRequest::new(IdScope::new("0ne00A1B2C3")?, id)).await?;
//! let token = proof.password.expect("a symmetric key signs a token");
//! assert!(token.expose().starts_with(b"SharedAccessSignature sr=0ne00A1B2C3%2Fregistrations%2Fdevice-1&sig="));
//! # Ok(())
//! # }
//! # // A key in memory is ready at once.
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # match std::pin::pin!(example()).poll(&mut context) {
//! #     std::task::Poll::Ready(result) => result.unwrap(),
//! #     std::task::Poll::Pending => panic!("a key in memory never waits"),
//! # }
//! ```
//!
//! # Features
//! None is enabled by default.
//! - `encrypted-keys`: private keys that are encrypted with a passphrase (PKCS#8 with PBES2).
//! - `generate-csr`: `CertificateSigningRequest::sign` makes a request for a key behind a signer, and
//!   `GeneratedRequest` one for a new key. The latter needs `ring` or `aws-lc-rs`, which make the key; with both,
//!   aws-lc-rs does.
//!
//! # Limits
//! There is no TPM attestation. The signature of a signing request is not verified, and neither are the signatures in a
//! chain: the service and the TLS stack do that. Certificates and keys come from memory or from files.
//! [`Credential::from_fn`] and [`CredentialSource`] load them from another store. Implement `X509Signer` or
//! [`SymmetricSigner`] for a key that cannot be exported.

#[cfg(all(feature = "generate-csr", not(any(feature = "ring", feature = "aws-lc-rs"))))]
compile_error!("the feature `generate-csr` makes a key with a TLS provider: enable `ring` or `aws-lc-rs` too");

mod auth_hint;
mod credential;
mod files;
mod hub;
mod identity;
mod input;
mod issued_chain;
mod sas;
mod signing_request;
mod symmetric_key;
#[cfg(test)]
mod testing;
mod trusted_roots;
mod x509;

pub use async_trait::async_trait;
pub use credential::{Credential, CredentialSource};
#[cfg(feature = "encrypted-keys")]
pub use files::x509_from_encrypted_files;
pub use files::{sas_token_from_file, symmetric_key_from_file, x509_from_files};
pub use hub::{HubAuth, HubConnection};
pub use identity::{DeviceIdentity, WallClock};
pub use input::file::InputFile;
pub use issued_chain::{IssuedChain, IssuedChainError};
pub use sas::{DEFAULT_SAS_LIFETIME, SasToken};
pub use signing_request::CertificateSigningRequest;
#[cfg(all(feature = "generate-csr", any(feature = "ring", feature = "aws-lc-rs")))]
pub use signing_request::GeneratedRequest;
pub use symmetric_key::{SymmetricKey, SymmetricSigner};
pub use trusted_roots::TrustedRoots;
pub use x509::{credential::X509Credential, defects::CertificateDefect};

//! Symmetric keys: a device's own, those derived from a group's, and those that stay outside this process.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use provisioning_types::{CredentialError, InvalidInput, RegistrationId, Secret};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::input::{
    file::InputFile,
    text::{self, SYMMETRIC_KEY},
};

/// Signs with a symmetric key, which may stay outside this process: in an HSM, a TPM or a remote key service.
///
/// [`sign`](Self::sign) is called once for every connection. It may wait, and it may block unless
/// [`may_block`](Self::may_block) says otherwise: it then runs on a thread of the client's own. A few calls run at the
/// same time; further connections with this signer are made when one of them has returned. The calls of one [`Arc`]
/// count together, so clone the `Arc` instead of making another signer for the same key.
#[async_trait]
pub trait SymmetricSigner: Send + Sync {
    /// Computes HMAC-SHA256 over `data` with the device's key: 32 bytes.
    ///
    /// # Errors
    /// [`CredentialError`] ends the registration before any connection is made: [`CredentialError::unavailable`] takes
    /// the error of a device or a service that may sign later, and `Invalid` says that it never will.
    async fn sign(&self, data: &[u8]) -> Result<Vec<u8>, CredentialError>;

    /// The key in base64, if it is in memory. It becomes part of the connection string of the hub.
    fn known_key(&self) -> Option<Secret> {
        None
    }

    /// Whether [`sign`](Self::sign) may block its thread, as when it waits for a device or a service.
    fn may_block(&self) -> bool {
        true
    }
}

/// A symmetric key in memory: wiped when the last clone is dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey(Arc<Secret>);

impl SymmetricKey {
    /// Takes the key as the service shows it: base64. White space and line breaks in it are ignored.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `symmetric key`, and what `text` is instead: hexadecimal digits, a connection string, JSON
    /// and the like. The text is not repeated.
    pub fn from_base64(text: &str) -> Result<Self, InvalidInput> {
        Ok(Self(Arc::new(text::symmetric_key(text)?)))
    }

    /// Reads the key from a file that contains it in base64, once.
    /// [`Credential::symmetric_key_from_file`](crate::Credential::symmetric_key_from_file) reads the file again for
    /// every connection.
    ///
    /// # Errors
    /// As [`from_base64`](Self::from_base64), and for a file that cannot be read. The file is named.
    pub fn from_file(file: impl Into<InputFile>) -> Result<Self, InvalidInput> {
        let parse = |bytes: &[u8]| Self::from_base64(text::decode(SYMMETRIC_KEY, bytes)?);
        file.into().parse(SYMMETRIC_KEY, parse)
    }

    /// Derives the key of one device from the key of its enrollment group: HMAC-SHA256 over the registration id as
    /// given. Do not store a group's key on a device.
    #[must_use]
    pub fn derive(&self, registration_id: &RegistrationId) -> Self {
        Self(Arc::new(Secret::new(
            self.hmac(registration_id.as_str().as_bytes()).to_vec(),
        )))
    }

    /// The key in base64.
    pub fn to_base64(&self) -> Secret {
        Secret::new(STANDARD.encode(self.0.expose()).into_bytes())
    }

    pub(crate) fn hmac(&self, data: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes keys of every length");
        mac.update(data);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

#[async_trait]
impl SymmetricSigner for SymmetricKey {
    async fn sign(&self, data: &[u8]) -> Result<Vec<u8>, CredentialError> {
        Ok(self.hmac(data).to_vec())
    }

    fn known_key(&self) -> Option<Secret> {
        Some(self.to_base64())
    }

    fn may_block(&self) -> bool {
        false
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devices_key_is_derived_as_the_service_documents_it() {
        // The example of the service's documentation on symmetric key groups.
        let group = SymmetricKey::from_base64(
            "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==",
        );
        let id = RegistrationId::new("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6").expect("an id");
        let device = group.expect("a key").derive(&id).to_base64();
        assert_eq!(device.expose(), b"Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
    }

    #[test]
    fn text_that_is_not_base64_is_refused_and_not_repeated() {
        for text in ["", "  ", "secret!", "c2VjcmV0*"] {
            let error = SymmetricKey::from_base64(text).expect_err(text);
            assert_eq!(error.input(), "symmetric key");
            assert!(!error.to_string().contains("secret!"), "{error}");
        }
        assert!(SymmetricKey::from_base64("c2VjcmV0\n").is_ok());
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let key = SymmetricKey::from_base64("c2VjcmV0").expect("a key");
        assert_eq!(format!("{key:?}"), "SymmetricKey(…)");
    }
}

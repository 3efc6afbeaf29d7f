//! Symmetric keys.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use rustls::crypto::ring;
use sha2::Sha256;

use crate::{
    error::EmulatorError,
    input::{Unreadable, symmetric_key},
};

/// A key, decoded.
#[derive(Clone)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// A new key of 64 bytes, the size of the service's own keys. Fails if the system has no randomness.
    pub(crate) fn generate() -> Result<Self, EmulatorError> {
        let mut key = vec![0; 64];
        let random = ring::default_provider().secure_random;
        let filled = random.fill(&mut key).map_err(rustls::Error::from);
        filled.map_err(EmulatorError::tls)?;
        Ok(Self(key))
    }

    /// Reads a key in base64.
    pub(crate) fn read(contents: &[u8]) -> Result<Self, Unreadable> {
        symmetric_key(contents).map(Self)
    }

    pub(crate) fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// The key of a device of the group that this key belongs to. The case of the registration id matters.
    pub(crate) fn derive(&self, registration_id: &str) -> Self {
        let mut mac = self.mac();
        mac.update(registration_id.as_bytes());
        Self(mac.finalize().into_bytes().to_vec())
    }

    pub(super) fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC takes keys of every length")
    }
}

//! Symmetric keys.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use rustls::crypto::ring;
use sha2::Sha256;

use crate::{
    error::EmulatorError,
    input::{Unreadable, symmetric_key},
};

/// Bytes that nobody can guess. Fails if the system has no randomness.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], EmulatorError> {
    let mut bytes = [0; N];
    let filled = ring::default_provider().secure_random.fill(&mut bytes);
    filled.map_err(rustls::Error::from).map_err(EmulatorError::tls)?;
    Ok(bytes)
}

/// A key, decoded.
#[derive(Clone)]
pub(crate) struct Key {
    bytes: Vec<u8>,
    /// The state of HMAC-SHA-256 with this key: deriving and verifying start from it.
    mac: Hmac<Sha256>,
}

impl Key {
    /// A new key of 64 bytes, the size of the service's own keys. Fails if the system has no randomness.
    pub(crate) fn generate() -> Result<Self, EmulatorError> {
        Ok(Self::new(random::<64>()?.to_vec()))
    }

    fn new(bytes: Vec<u8>) -> Self {
        let mac = mac_of(&bytes);
        Self { bytes, mac }
    }

    /// Reads a key in base64.
    pub(crate) fn read(contents: &[u8]) -> Result<Self, Unreadable> {
        symmetric_key(contents).map(Self::new)
    }

    pub(crate) fn to_base64(&self) -> String {
        STANDARD.encode(&self.bytes)
    }

    /// The key of a device of the group that this key belongs to. The case of the registration id matters.
    pub(crate) fn derive(&self, registration_id: &str) -> Self {
        Self::new(self.derived(registration_id).to_vec())
    }

    /// What signs with the key that [`derive`](Self::derive) returns, without storing that key: a token does not say which
    /// of thousands of groups its key belongs to.
    pub(super) fn derived_mac(&self, registration_id: &str) -> Hmac<Sha256> {
        mac_of(&self.derived(registration_id))
    }

    fn derived(&self, registration_id: &str) -> [u8; 32] {
        self.mac().chain_update(registration_id).finalize().into_bytes().into()
    }

    pub(super) fn mac(&self) -> Hmac<Sha256> {
        self.mac.clone()
    }
}

fn mac_of(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

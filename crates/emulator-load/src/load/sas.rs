//! Symmetric keys and SAS tokens.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Result;

/// How long a token is valid: longer than any scenario runs.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The bytes of a symmetric key.
#[derive(Clone)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn from_base64(text: &str) -> Result<Self> {
        Ok(Self(STANDARD.decode(text.trim())?))
    }

    /// The key of enrollment group `number`. It protects nothing.
    pub(super) fn of_group(number: usize) -> Self {
        Self(format!("the key of enrollment group {number:08}").into_bytes())
    }

    pub(super) fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// The key of a device in the group that this is the key of.
    pub(super) fn derive(&self, registration_id: &str) -> Self {
        Self(self.sign(registration_id.as_bytes()))
    }

    /// A token for a resource, which is escaped.
    pub(super) fn token(&self, resource: &str, policy: &str) -> String {
        let expires_at = SystemTime::now() + LIFETIME;
        let expiry = expires_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let signature = STANDARD.encode(self.sign(format!("{resource}\n{expiry}").as_bytes()));
        let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={policy}")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
}

//! SAS (shared access signature) tokens, which devices with symmetric keys present instead of a certificate.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use provisioning_types::{CredentialError, IdScope, InvalidInput, RegistrationId, Secret};

use crate::{
    input::text,
    symmetric_key::{SymmetricKey, SymmetricSigner},
};

/// How long a token that a symmetric key signs is valid by default.
pub const DEFAULT_SAS_LIFETIME: Duration = Duration::from_secs(3600);

/// Everything but letters, digits and `-._~` is escaped.
pub(crate) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The length of an HMAC-SHA256.
const SIGNATURE_LENGTH: usize = 32;

/// The longest password of MQTT.
const MAX_LENGTH: usize = u16::MAX as usize;

const INPUT: &str = "SAS token";
const EXPECTED: &str = "SharedAccessSignature sr=…&sig=…&se=<Unix seconds>[&skn=…]";

const PREFIX: &str = "SharedAccessSignature ";

/// A SAS token: wiped when the last clone is dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SasToken {
    text: Arc<Secret>,
    expires_at: SystemTime,
}

impl SasToken {
    /// Takes a token that another program made.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `SAS token` unless it is `SharedAccessSignature` with `sr`, `sig` and `se`, of at most
    /// 65,535 bytes. The text is not repeated.
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        let text = text.trim_start_matches('\u{feff}').trim();
        let invalid = || text::no_token(text, InvalidInput::new(INPUT, EXPECTED));
        if text.len() > MAX_LENGTH {
            return Err(InvalidInput::new(
                INPUT,
                format!("at most {MAX_LENGTH} bytes, the maximum of MQTT"),
            ));
        }
        let fields = text.strip_prefix(PREFIX).ok_or_else(invalid)?;
        let value = |key: &str| {
            let mut pairs = fields.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(name, value)| *name == key && !value.is_empty())
                .map(|(_, value)| value)
        };
        let expires_at = value("se")
            .filter(|_| {
                value("sr").is_some()
                    && value("sig").is_some()
                    && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            })
            .and_then(|seconds| seconds.parse().ok())
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
            .ok_or_else(invalid)?;
        Ok(Self {
            text: Arc::new(Secret::new(text.as_bytes().to_vec())),
            expires_at,
        })
    }

    /// Signs a token for a registration, valid until `expires_at` (whole seconds, rounded down).
    ///
    /// # Errors
    /// The error of `signer`; `Invalid` naming `signature` when it returns other than 32 bytes.
    ///
    /// # Cancel safety
    /// Dropping the future drops that of the signer; nothing is kept.
    pub async fn sign(
        signer: &dyn SymmetricSigner,
        id_scope: &IdScope,
        registration_id: &RegistrationId,
        expires_at: SystemTime,
    ) -> Result<Self, CredentialError> {
        UnsignedToken::for_registration(id_scope, registration_id, expires_at)
            .sign(signer)
            .await
    }

    /// Signs a token for a registration, as [`sign`](Self::sign) does, with a key in memory: without waiting.
    pub fn sign_with_key(
        key: &SymmetricKey,
        id_scope: &IdScope,
        registration_id: &RegistrationId,
        expires_at: SystemTime,
    ) -> Self {
        UnsignedToken::for_registration(id_scope, registration_id, expires_at).sign_with_key(key)
    }

    /// When the service stops accepting it.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The text, for the one place that needs it.
    pub fn text(&self) -> &Secret {
        &self.text
    }
}

/// A token without its signature.
pub(crate) struct UnsignedToken {
    /// The percent-encoded resource.
    resource: String,
    policy: Option<&'static str>,
    /// Since 1970.
    expiry_seconds: u64,
}

impl UnsignedToken {
    fn for_registration(id_scope: &IdScope, registration_id: &RegistrationId, expires_at: SystemTime) -> Self {
        let resource = format!("{id_scope}/registrations/{registration_id}");
        Self::new(&resource, Some("registration"), expires_at)
    }

    /// A token for `resource`, under the name of a policy if there is one.
    pub(crate) fn new(resource: &str, policy: Option<&'static str>, expires_at: SystemTime) -> Self {
        let since_1970 = expires_at.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            resource: utf8_percent_encode(resource, ESCAPED).to_string(),
            policy,
            expiry_seconds: since_1970.unwrap_or_default().as_secs(),
        }
    }

    pub(crate) async fn sign(self, signer: &dyn SymmetricSigner) -> Result<SasToken, CredentialError> {
        let signature = signer.sign(self.message().as_bytes()).await?;
        if signature.len() != SIGNATURE_LENGTH {
            let expected = format!("{SIGNATURE_LENGTH} bytes, as of HMAC-SHA256, from the signer");
            return Err(InvalidInput::new("signature", expected).into());
        }
        Ok(self.signed(&signature))
    }

    pub(crate) fn sign_with_key(self, key: &SymmetricKey) -> SasToken {
        let signature = key.hmac(self.message().as_bytes());
        self.signed(signature.as_slice())
    }

    /// What is signed.
    fn message(&self) -> String {
        format!("{}\n{}", self.resource, self.expiry_seconds)
    }

    fn signed(self, signature: &[u8]) -> SasToken {
        let (resource, seconds) = (self.resource, self.expiry_seconds);
        let signature = STANDARD.encode(signature);
        let signature = utf8_percent_encode(&signature, ESCAPED);
        let policy = self.policy.map_or_else(String::new, |policy| format!("&skn={policy}"));
        let text = format!("{PREFIX}sr={resource}&sig={signature}&se={seconds}{policy}");
        SasToken {
            text: Arc::new(Secret::new(text.into_bytes())),
            expires_at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        }
    }
}

impl fmt::Debug for SasToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ready;

    #[test]
    fn a_token_names_the_registration_its_expiry_and_its_policy() {
        let key = SymmetricKey::from_base64("c2VjcmV0").expect("a key");
        let scope = IdScope::new("0ne00A1B2C3").expect("a scope");
        let id = RegistrationId::new("device-1").expect("an id");
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900);
        let token = ready(SasToken::sign(&key, &scope, &id, expires_at)).expect("a token");
        assert_eq!(SasToken::sign_with_key(&key, &scope, &id, expires_at), token);
        // Computed with `openssl dgst -sha256 -hmac secret`.
        assert_eq!(
            token.text().expose_str().expect("text"),
            "SharedAccessSignature sr=0ne00A1B2C3%2Fregistrations%2Fdevice-1&sig=YZPlzx9c2Mc3staVLe3BdxYSmasRhiZRq44OWipwWag%3D&se=1700000000&skn=registration"
        );
        assert_eq!(SasToken::new(token.text().expose_str().expect("text")), Ok(token));
    }

    #[test]
    fn a_given_token_needs_its_fields_and_is_not_repeated() {
        assert!(SasToken::new("SharedAccessSignature sig=a&sr=b&se=1\n").is_ok());
        for text in [
            "",
            "SharedAccessSignature",
            "SharedAccessSignature sr=a&sig=secret",
            "SharedAccessSignature sr=a&sig=secret&se=soon",
            "SharedAccessSignature sr=&sig=secret&se=1",
            "SharedAccessSignature sr=a&sig=secret&se=1\r\nx",
            "sr=a&sig=secret&se=1",
        ] {
            let error = SasToken::new(text).expect_err(text);
            assert_eq!(error.input(), "SAS token");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn text_that_is_another_secret_is_named_and_not_repeated() {
        for (text, expected) in [
            (" \n", "it is empty"),
            (
                "\"SharedAccessSignature sr=a&sig=c2VjcmV0&se=1\"",
                "it is text in quotes",
            ),
            (
                "HostName=a;DeviceId=b;SharedAccessKey=c2VjcmV0",
                "it is a connection string",
            ),
            ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0", "it is PEM"),
            ("{\"sasToken\": \"c2VjcmV0\"}", "it is JSON"),
            ("c2VjcmV0", "it is a symmetric key"),
            (
                "Authorization: SharedAccessSignature sr=a&sig=c2VjcmV0&se=1",
                "it is the header of a request",
            ),
        ] {
            let error = SasToken::new(text).expect_err(expected).to_string();
            assert!(error.contains(expected) && !error.contains("c2VjcmV0"), "{error}");
        }
        assert!(SasToken::new("\u{feff}SharedAccessSignature sr=a&sig=b&se=1\r\n").is_ok());
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = SasToken::new("SharedAccessSignature sr=a&sig=secret&se=1").expect("a token");
        assert!(!format!("{token:?}").contains("secret"));
    }
}

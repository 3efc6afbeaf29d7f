//! SAS tokens, as the service checks them.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;

use super::key::Key;

/// A token as a device presents it: `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`.
pub(crate) struct Token<'a> {
    /// As received: SDKs escape it differently, and the signature is over what they sent.
    resource: &'a str,
    /// What the signature is over: the resource, a line feed and the expiry.
    signed: String,
    signature: Vec<u8>,
    expiry: &'a str,
    policy: Option<&'a str>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let fields = text.strip_prefix("SharedAccessSignature ")?;
        let value = |key: &str| {
            let mut pairs = fields.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let signature = percent_decode_str(value("sig")?).decode_utf8().ok()?;
        let signature = STANDARD.decode(signature.as_bytes()).ok()?;
        let (resource, expiry) = (value("sr")?, value("se")?);
        Some(Self {
            resource,
            signed: format!("{resource}\n{expiry}"),
            signature,
            expiry,
            policy: value("skn"),
        })
    }

    /// The resource that the token is for.
    pub(crate) fn resource(&self) -> Cow<'a, str> {
        percent_decode_str(self.resource).decode_utf8_lossy()
    }

    /// The name of the key that signed it, according to the token.
    pub(crate) fn policy(&self) -> Option<&'a str> {
        self.policy
    }

    /// Reads a device's token, and checks that it is for this registration and has not expired.
    pub(crate) fn read(text: &'a str, id_scope: &str, registration_id: &str) -> Result<Self, &'static str> {
        let token = Self::parse(text).ok_or("the token is not a SharedAccessSignature")?;
        let own = format!("{id_scope}/registrations/{registration_id}");
        if !token.resource().eq_ignore_ascii_case(&own) {
            return Err(Self::ANOTHER_REGISTRATION);
        }
        token.check_expiry()?;
        Ok(token)
    }

    /// Checks that the token has not expired.
    pub(crate) fn check_expiry(&self) -> Result<(), &'static str> {
        let expires_at = self.expiry.parse().ok().map(Duration::from_secs);
        let expires_at = expires_at.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(seconds));
        if expires_at.ok_or("the token's expiry is not a number")? <= SystemTime::now() {
            return Err(Self::EXPIRED);
        }
        Ok(())
    }

    /// Checks that one of these keys signed the token.
    pub(crate) fn check_signature(&self, keys: &[Key]) -> Result<(), &'static str> {
        match keys.iter().any(|key| self.is_signed_with(key)) {
            true => Ok(()),
            false => Err(Self::ANOTHER_KEY),
        }
    }

    /// Why a token is refused that none of the keys signed.
    pub(crate) const ANOTHER_KEY: &'static str = "the token is signed with another key";

    /// Why a token is refused whose resource is not the registration.
    const ANOTHER_REGISTRATION: &'static str = "the token is for another registration";

    /// Why a token is refused whose time has passed.
    const EXPIRED: &'static str = "the token has expired";

    /// Adds to a reason for which this text was refused what the token says about it.
    pub(crate) fn explain(text: &str, reason: &str) -> String {
        match (Token::parse(text), reason) {
            (Some(token), Self::ANOTHER_REGISTRATION) => {
                format!("{reason}: its resource (sr) is {:?}", token.resource())
            }
            (Some(token), Self::EXPIRED) => format!("{reason}: its expiry (se) is {}", token.expiry),
            _ => reason.to_owned(),
        }
    }

    /// Whether this key signed the token.
    fn is_signed_with(&self, key: &Key) -> bool {
        self.has_mac(key.mac())
    }

    /// Whether the device's key signed the token that is derived from this key of its group.
    pub(crate) fn is_signed_with_derived(&self, group_key: &Key, registration_id: &str) -> bool {
        self.has_mac(group_key.derived_mac(registration_id))
    }

    fn has_mac(&self, mac: Hmac<Sha256>) -> bool {
        mac.chain_update(&self.signed).verify_slice(&self.signature).is_ok()
    }
}

/// A token that this key signs.
#[cfg(test)]
pub(crate) fn token(key: &Key, resource: &str, expiry: u64) -> String {
    let mac = key.mac().chain_update(format!("{resource}\n{expiry}"));
    let signature = STANDARD
        .encode(mac.finalize().into_bytes())
        .replace('+', "%2B")
        .replace('/', "%2f");
    format!(
        "SharedAccessSignature sig={}&se={expiry}&sr={resource}",
        signature.replace('=', "%3D")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_accepted_however_its_resource_is_escaped() {
        let key = Key::generate().expect("a key");
        for resource in [
            "0ne1/registrations/a-1",
            "0ne1%2Fregistrations%2Fa-1",
            "0ne1%2fregistrations%2fA%2D1",
        ] {
            let text = token(&key, resource, u64::MAX / 4);
            let token = Token::read(&text, "0ne1", "a-1").expect("a token");
            let keys = [Key::generate().expect("a key"), key.clone()];
            assert_eq!(token.check_signature(&keys), Ok(()), "{resource}");
        }
    }

    #[test]
    fn another_registration_key_or_time_is_refused() {
        let key = Key::generate().expect("a key");
        let check = |resource, expiry, key: &Key| {
            let text = token(key, resource, expiry);
            let checked = Token::read(&text, "0ne1", "a");
            let checked = checked.and_then(|token| token.check_signature(&[Key::read(b"aw==").expect("a key")]));
            checked.expect_err("refused")
        };
        let fitting = Key::read(b"aw==").expect("a key");
        assert_eq!(
            check("0ne1/registrations/b", 1 << 40, &fitting),
            "the token is for another registration"
        );
        assert_eq!(check("0ne1/registrations/a", 1, &fitting), "the token has expired");
        assert_eq!(
            check("0ne1/registrations/a", 1 << 40, &key),
            "the token is signed with another key"
        );
    }

    #[test]
    fn text_that_is_not_a_token_is_rejected() {
        for text in [
            "",
            "SharedAccessSignature ",
            "SharedAccessSignature sr=a&sig=*&se=1",
            "sr=a&sig=YQ==&se=1",
        ] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }
}

//! The properties of a certificate.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use x509_parser::{certificate::X509Certificate, public_key::PublicKey};

use crate::error::EmulatorError;

/// How a device's certificate is issued.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CertificateSettings {
    pub(crate) validity: Validity,
    pub(crate) key: KeyKind,
    /// Whether an intermediate CA issues it.
    pub(crate) intermediate: bool,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Validity {
    #[default]
    Now,
    Expired,
    NotYet,
}

/// The algorithm of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeyKind {
    /// EC P-256.
    #[default]
    P256,
    /// EC P-384.
    P384,
    /// RSA with 2048 bits. It takes a moment to find one.
    #[cfg(feature = "rsa")]
    Rsa2048,
}

impl KeyKind {
    /// A new key.
    pub(super) fn generate(self) -> Result<KeyPair, EmulatorError> {
        let algorithm = match self {
            Self::P256 => &PKCS_ECDSA_P256_SHA256,
            Self::P384 => &PKCS_ECDSA_P384_SHA384,
            #[cfg(feature = "rsa")]
            Self::Rsa2048 => return rsa_key(),
        };
        KeyPair::generate_for(algorithm).map_err(EmulatorError::certificate)
    }

    /// The kind of a certificate's key, if it is one of these.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        match certificate.public_key().parsed().ok()? {
            PublicKey::EC(point) if point.key_size() == 256 => Some(Self::P256),
            PublicKey::EC(point) if point.key_size() == 384 => Some(Self::P384),
            #[cfg(feature = "rsa")]
            PublicKey::RSA(key) if key.key_size() == 2048 => Some(Self::Rsa2048),
            _ => None,
        }
    }
}

/// A new RSA key, which ring cannot generate.
#[cfg(feature = "rsa")]
fn rsa_key() -> Result<KeyPair, EmulatorError> {
    use rsa::{PrivateKey, pkcs8::EncodePrivateKey};

    let key = PrivateKey::new(&mut getrandom::SysRng, 2048);
    let key = key.map_err(|error| EmulatorError::Certificate { source: error.into() })?;
    let der = key.to_pkcs8_der();
    let der = der.map_err(|error| EmulatorError::Certificate { source: error.into() })?;
    KeyPair::try_from(der.as_bytes()).map_err(EmulatorError::certificate)
}

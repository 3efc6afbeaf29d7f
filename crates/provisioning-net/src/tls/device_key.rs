//! Loads the device's private key into the TLS provider, and checks that it belongs to the certificate.
//!
//! The rest of the certificate is not checked: the service decides what it accepts.

use std::sync::Arc;

use provisioning_types::{InvalidInput, Secret};
use rustls::{crypto::CryptoProvider, sign::SigningKey};
use rustls_pki_types::{PrivateKeyDer, PrivateSec1KeyDer};

use super::{
    private_key::{EcKey, KeyKind},
    provider::TlsProvider,
    public_key::PublicKey,
};

/// What to do about a key of a kind that the provider does not support.
const REMEDY: &str = "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY_FILE`, and \
                      get a certificate for it";

/// What to do about a key in a form that the provider does not read.
const REWRITE: &str = "write it anew with `openssl ec -in KEY_FILE -param_enc named_curve -conv_form uncompressed -out \
                       NEW_KEY_FILE`";

/// Reads `key`, and checks that it belongs to the first certificate of `chain`.
///
/// # Errors
/// [`InvalidInput`] naming `private key` or `certificate`.
pub(super) fn signing_key(
    key: &Secret,
    chain: &[Vec<u8>],
    provider: &CryptoProvider,
    built_in: Option<TlsProvider>,
) -> Result<Arc<dyn SigningKey>, InvalidInput> {
    let certified = public_keys(chain)?;
    let key = PrivateKeyDer::try_from(key.expose())
        .map_err(|_| invalid("a private key in PKCS#8, SEC1 (EC) or PKCS#1 (RSA)"))?;
    let load = |key: &PrivateKeyDer<'_>| provider.key_provider.load_private_key(key.clone_key()).ok();
    let signing_key = load(&key)
        // Some tools leave out the public key that ring requires, and the certificate has it.
        .or_else(|| {
            let key = EcKey::of(&key)?;
            certified.iter().flatten().find_map(|public| {
                let whole = key.with_public_key(&public.bits)?;
                load(&PrivateSec1KeyDer::from(whole.expose()).into())
            })
        })
        .ok_or_else(|| refused(&key, &certified, built_in))?;
    // `None` if the provider does not return the public key.
    let public = signing_key.public_key().and_then(|info| PublicKey::of_info(&info));
    if let Some(public) = public {
        belongs_to_first(&public, &certified)?;
    }
    Ok(signing_key)
}

/// The public key of each certificate. The first entry must be a certificate; another entry that is not one is `None`.
///
/// # Errors
/// [`InvalidInput`] naming `certificate`.
pub(super) fn public_keys(chain: &[Vec<u8>]) -> Result<Vec<Option<PublicKey>>, InvalidInput> {
    let keys: Vec<_> = chain.iter().map(|der| PublicKey::of_certificate(der)).collect();
    match keys.first() {
        Some(Some(_)) => Ok(keys),
        _ => Err(InvalidInput::new("certificate", "an X.509 certificate in DER")),
    }
}

/// Checks that a key with this public key belongs to the first certificate.
pub(super) fn belongs_to_first(key: &PublicKey, certified: &[Option<PublicKey>]) -> Result<(), InvalidInput> {
    let is_certified = |other: &Option<PublicKey>| other.as_ref().is_some_and(|other| key.is_same_key(other));
    belongs_to(certified.iter().position(is_certified))
}

/// Checks that the key belongs to the first certificate. `index` is the certificate that it belongs to, if any.
pub(super) fn belongs_to(index: Option<usize>) -> Result<(), InvalidInput> {
    match index {
        Some(0) => Ok(()),
        Some(index) => {
            let number = index + 1;
            let expected = format!(
                "the device's own certificate first; the private key belongs to certificate {number}: put that one first"
            );
            Err(InvalidInput::new("certificate", expected))
        }
        None => Err(another_key()),
    }
}

pub(super) fn another_key() -> InvalidInput {
    invalid("the key that belongs to the certificate")
}

/// The error of a `key` that the provider does not load.
fn refused(key: &PrivateKeyDer<'_>, certified: &[Option<PublicKey>], built_in: Option<TlsProvider>) -> InvalidInput {
    let Some(kind) = KeyKind::of(key) else {
        return invalid("a whole private key in PKCS#8, SEC1 (EC) or PKCS#1 (RSA), not encrypted");
    };
    let taken = built_in.map_or("a key that the TLS provider takes", TlsProvider::keys);
    // Every provider that implements TLS 1.3 knows P-256 (RFC 8446, section 9.1).
    let curves = built_in.map_or(["P-256"].as_slice(), TlsProvider::curves);
    let is_taken = |curve: &Option<String>| curve.as_deref().is_none_or(|curve| curves.contains(&curve));
    let (flaw, remedy) = match (&kind, EcKey::of(key)) {
        (KeyKind::Ec(curve), Some(key)) if is_taken(curve) => {
            let belongs = key.public_key.as_ref().ok_or_else(another_key);
            if let Err(error) = belongs.and_then(|public| belongs_to_first(public, certified)) {
                return error;
            }
            (" in a form that it does not read", REWRITE)
        }
        (
            KeyKind::Rsa {
                bits: 2048 | 3072 | 4096,
                small_exponent: false,
                more_than_two_primes: false,
            },
            _,
        )
        | (KeyKind::Ed25519, _) => (" whose numbers do not fit together", REMEDY),
        _ => ("", REMEDY),
    };
    invalid(format!("{taken}, not {kind}{flaw}; {remedy}"))
}

fn invalid(expected: impl Into<std::borrow::Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("private key", expected)
}

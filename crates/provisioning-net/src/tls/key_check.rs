//! Whether an external key belongs to its certificate, found before any connection.

use std::sync::Arc;

use provisioning_types::{BlockingKey, InvalidInput, SignatureScheme, TransportError, X509Signer};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::SignatureVerificationAlgorithm;
use tokio::sync::Mutex;

use super::{
    device_key::{another_key, belongs_to, belongs_to_first, public_keys},
    external_key::tls_scheme,
    public_key::PublicKey,
};
use crate::blocking::{PerKey, Turn};

/// What a key signs to show that it belongs to its certificate. Nothing that a key signs in TLS begins like this.
const MESSAGE: &[u8] = b"provisioning-net: does this key belong to its certificate?";

/// Waits for a turn with the signer of this chain. The first turn checks, with at most one signature, that the signer's
/// key belongs to the certificate.
///
/// # Errors
/// `Input` when the key does not belong to the first certificate; the error of the signer.
pub(super) async fn turn_of(
    signer: &Arc<dyn X509Signer>,
    chain: &[Vec<u8>],
    provider: &CryptoProvider,
) -> Result<Turn, TransportError> {
    /// The public key that each signer's key was found to belong to.
    static CHECKED: PerKey<Mutex<Option<PublicKey>>> = PerKey::new();
    let key = BlockingKey::of(signer);
    let turn = Turn::wait(&key).await;
    let checked = CHECKED.get_or_make(&key, Mutex::default);
    // Held while the key signs: others with this signer wait for the outcome.
    let mut checked = checked.lock().await;
    let Some(unchecked) = without_signature(signer.as_ref(), chain, provider)? else {
        return Ok(turn);
    };
    if checked.as_ref() != Some(&unchecked.public_key) {
        let (signer, scheme) = (Arc::clone(signer), unchecked.scheme);
        let signature = turn.run(async move { signer.sign(scheme, MESSAGE).await }).await??;
        unchecked.check(&signature)?;
        *checked = Some(unchecked.public_key);
    }
    Ok(turn)
}

/// Checks what is known of the signer: its public key, or else its schemes. Returns what only a signature shows.
///
/// # Errors
/// [`InvalidInput`] naming `private key`, or `certificate` when the key belongs to another certificate of the chain.
pub(super) fn without_signature(
    signer: &dyn X509Signer,
    chain: &[Vec<u8>],
    provider: &CryptoProvider,
) -> Result<Option<Unchecked>, InvalidInput> {
    let certified = public_keys(chain)?;
    if let Some(own) = signer.public_key().and_then(PublicKey::of_info) {
        return belongs_to_first(&own, &certified).map(|()| None);
    }
    let Some(Some(public_key)) = certified.first() else {
        return Ok(None);
    };
    let algorithms = &provider.signature_verification_algorithms;
    let fits = |algorithm: &dyn SignatureVerificationAlgorithm| {
        algorithm.public_key_alg_id().as_ref() == public_key.algorithm.as_slice()
    };
    if public_key.is_compressed() || !algorithms.all.iter().any(|algorithm| fits(*algorithm)) {
        // This provider cannot verify signatures of such a key.
        return Ok(None);
    }
    let found = signer.schemes().iter().find_map(|&scheme| {
        let tls = tls_scheme(scheme)?;
        let (_, algorithms) = algorithms.mapping.iter().find(|(mapped, _)| *mapped == tls)?;
        let algorithm = algorithms.iter().copied().find(|algorithm| fits(*algorithm))?;
        Some((scheme, algorithm))
    });
    let (scheme, algorithm) = found.ok_or_else(another_key)?;
    Ok(Some(Unchecked {
        public_key: public_key.clone(),
        certified,
        scheme,
        algorithm,
    }))
}

/// A certificate whose key must sign to show that it is the signer's.
pub(super) struct Unchecked {
    public_key: PublicKey,
    /// The keys of all certificates of the chain.
    certified: Vec<Option<PublicKey>>,
    scheme: SignatureScheme,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
}

impl Unchecked {
    fn check(&self, signature: &[u8]) -> Result<(), InvalidInput> {
        let verifies = |key: &PublicKey| {
            let verified = self.algorithm.verify_signature(&key.bits, MESSAGE, signature);
            key.algorithm == self.public_key.algorithm && verified.is_ok()
        };
        belongs_to(self.certified.iter().position(|key| key.as_ref().is_some_and(verifies)))
    }
}

//! Private keys of certificates that live elsewhere.

use std::error::Error;

use async_trait::async_trait;

/// Signs TLS handshakes with the private key of a certificate that this process need not know: an HSM, a TPM,
/// PKCS#11, a remote key service.
///
/// It is asked once for every connection. Waiting is fine, and so is blocking: the handshake is done on a thread of its
/// own.
#[async_trait]
pub trait X509Signer: Send + Sync {
    /// What the key can sign with, the most wanted first. All of one kind of key.
    fn schemes(&self) -> &[SignatureScheme];

    /// The signature over `message` (which is not hashed yet) as TLS wants it: ECDSA in DER, RSA and Ed25519 as they
    /// are.
    ///
    /// # Errors
    /// Whatever kept the key from being used. It ends the connection as a failed handshake, as its source.
    async fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;
}

/// A kind of key, padding and hash, under TLS's names (RFC 8446, section 4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// Ed25519.
    Ed25519,
    /// RSA, PKCS#1 v1.5, with SHA-256: TLS 1.2 only.
    RsaPkcs1Sha256,
    /// RSA, PKCS#1 v1.5, with SHA-384: TLS 1.2 only.
    RsaPkcs1Sha384,
    /// RSA, PKCS#1 v1.5, with SHA-512: TLS 1.2 only.
    RsaPkcs1Sha512,
    /// RSA-PSS with SHA-256.
    RsaPssSha256,
    /// RSA-PSS with SHA-384.
    RsaPssSha384,
    /// RSA-PSS with SHA-512.
    RsaPssSha512,
}

//! Private keys of certificates that stay outside this process.

use async_trait::async_trait;

use crate::credential_error::CredentialError;

/// Signs TLS handshakes with a private key that stays outside this process: in an HSM, a TPM, a PKCS#11 token or a
/// remote key service.
///
/// [`sign`](Self::sign) is called once for every connection, and for a signing request. It may wait. It may block its
/// thread in a handshake, which then runs on its own thread.
#[async_trait]
pub trait X509Signer: Send + Sync {
    /// The schemes that the key supports, in order of preference. All belong to one kind of key.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs `message` (not hashed yet). Returns the signature as TLS encodes it: ECDSA in DER, RSA and Ed25519 as raw
    /// bytes.
    ///
    /// # Errors
    /// [`CredentialError`] fails the handshake: [`CredentialError::unavailable`] takes the error of a device or a
    /// service that may sign later, and `Invalid` says that it never will.
    async fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CredentialError>;
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

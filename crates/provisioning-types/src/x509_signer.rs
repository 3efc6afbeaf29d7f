//! Private keys of certificates that stay outside this process.

use async_trait::async_trait;

use crate::credential_error::CredentialError;

/// Signs TLS handshakes with a private key that stays outside this process: in an HSM, a TPM, a PKCS#11 token or a
/// remote key service.
///
/// [`sign`](Self::sign) is called once for every connection, once more before the first connection with a certificate
/// (unless [`public_key`](Self::public_key) is known), and for a signing request. For connections it is called on a
/// thread of the client's own, so it may wait, and it may block its thread. A few calls run at the same time; further
/// connections with this signer are made when one of them has returned. The calls of one [`Arc`](std::sync::Arc) count
/// together, so clone the `Arc` instead of making another signer for the same key.
#[async_trait]
pub trait X509Signer: Send + Sync {
    /// The schemes that the key supports, in order of preference. All belong to one kind of key.
    fn schemes(&self) -> &[SignatureScheme];

    /// The public key, if it is in memory: a `SubjectPublicKeyInfo` ([RFC 5280, section 4.1]) in DER. Must not block.
    ///
    /// It is compared with the key of the certificate. Without it, one signature shows before the first connection
    /// whether the key belongs to the certificate.
    ///
    /// [RFC 5280, section 4.1]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1
    fn public_key(&self) -> Option<&[u8]> {
        None
    }

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

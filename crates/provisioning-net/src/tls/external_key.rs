//! External private keys, as rustls uses keys: it signs in code that cannot await.

use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use provisioning_types::{ErrorKind, SignatureScheme, TransportError, X509Signer};
use rustls::{
    Error as RustlsError, OtherError, SignatureAlgorithm, SignatureScheme as TlsScheme,
    sign::{Signer, SigningKey},
};

use crate::blocking::block_on;

/// A key that an [`X509Signer`] signs with. The handshake has to run in a [`Turn`](crate::blocking::Turn).
pub(super) struct ExternalKey(Arc<dyn X509Signer>);

impl ExternalKey {
    pub(super) fn new(signer: Arc<dyn X509Signer>) -> Self {
        Self(signer)
    }
}

impl fmt::Debug for ExternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalKey")
    }
}

impl SigningKey for ExternalKey {
    fn choose_scheme(&self, offered: &[TlsScheme]) -> Option<Box<dyn Signer>> {
        let mut schemes = self.0.schemes().iter().copied();
        let scheme = schemes.find(|&scheme| tls_scheme(scheme).is_some_and(|tls| offered.contains(&tls)))?;
        Some(Box::new(ExternalSigner {
            signer: Arc::clone(&self.0),
            scheme,
            tls: tls_scheme(scheme)?,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.schemes().first() {
            Some(SignatureScheme::Ed25519) => SignatureAlgorithm::ED25519,
            Some(SignatureScheme::EcdsaP256Sha256 | SignatureScheme::EcdsaP384Sha384) => SignatureAlgorithm::ECDSA,
            _ => SignatureAlgorithm::RSA,
        }
    }
}

struct ExternalSigner {
    signer: Arc<dyn X509Signer>,
    scheme: SignatureScheme,
    tls: TlsScheme,
}

impl fmt::Debug for ExternalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalSigner({:?})", self.scheme)
    }
}

impl Signer for ExternalSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, RustlsError> {
        let signing = AssertUnwindSafe(|| block_on(self.signer.sign(self.scheme, message)));
        match catch_unwind(signing) {
            // The error of the call already: rustls only carries it.
            Ok(Ok(result)) => result.map_err(|error| other(TransportError::from(error))),
            Ok(Err(cancelled)) => Err(other(cancelled)),
            Err(_) => Err(other(TransportError::new(ErrorKind::Input, "the signer panicked"))),
        }
    }

    fn scheme(&self) -> TlsScheme {
        self.tls
    }
}

fn other(error: impl Error + Send + Sync + 'static) -> RustlsError {
    RustlsError::Other(OtherError(Arc::new(error)))
}

/// `None` for a scheme that this version cannot express in TLS.
pub(super) fn tls_scheme(scheme: SignatureScheme) -> Option<TlsScheme> {
    Some(match scheme {
        SignatureScheme::EcdsaP256Sha256 => TlsScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::EcdsaP384Sha384 => TlsScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::Ed25519 => TlsScheme::ED25519,
        SignatureScheme::RsaPkcs1Sha256 => TlsScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RsaPkcs1Sha384 => TlsScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RsaPkcs1Sha512 => TlsScheme::RSA_PKCS1_SHA512,
        SignatureScheme::RsaPssSha256 => TlsScheme::RSA_PSS_SHA256,
        SignatureScheme::RsaPssSha384 => TlsScheme::RSA_PSS_SHA384,
        SignatureScheme::RsaPssSha512 => TlsScheme::RSA_PSS_SHA512,
        _ => return None,
    })
}

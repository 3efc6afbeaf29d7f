//! Private keys elsewhere, as rustls wants its keys: it signs where nothing can be awaited.

use std::{future::Future, io, sync::Arc, thread};

use provisioning_types::{SignatureScheme, X509Signer};
use rustls::{
    Error as RustlsError, OtherError, SignatureAlgorithm, SignatureScheme as TlsScheme,
    sign::{Signer, SigningKey},
};
use tokio::{runtime::Handle, select, sync::watch, task::spawn_blocking};

const NOT_WANTED: &str = "nobody waits for it any more";

/// A key that an [`X509Signer`] signs with. It may be used on a thread that can be blocked only: see [`aside`].
pub(crate) struct RemoteKey {
    signer: Arc<dyn X509Signer>,
    /// Ends when nobody waits for the handshake any more.
    wanted: watch::Receiver<()>,
}

impl RemoteKey {
    pub(crate) fn new(signer: Arc<dyn X509Signer>, wanted: watch::Receiver<()>) -> Self {
        Self { signer, wanted }
    }
}

impl std::fmt::Debug for RemoteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteKey")
    }
}

impl SigningKey for RemoteKey {
    fn choose_scheme(&self, offered: &[TlsScheme]) -> Option<Box<dyn Signer>> {
        let mut schemes = self.signer.schemes().iter().copied();
        let scheme = schemes.find(|&scheme| tls_scheme(scheme).is_some_and(|tls| offered.contains(&tls)))?;
        let (signer, wanted) = (Arc::clone(&self.signer), self.wanted.clone());
        Some(Box::new(RemoteSigner {
            signer,
            wanted,
            scheme,
            tls: tls_scheme(scheme)?,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.signer.schemes().first() {
            Some(SignatureScheme::Ed25519) => SignatureAlgorithm::ED25519,
            Some(SignatureScheme::EcdsaP256Sha256 | SignatureScheme::EcdsaP384Sha384) => SignatureAlgorithm::ECDSA,
            _ => SignatureAlgorithm::RSA,
        }
    }
}

struct RemoteSigner {
    signer: Arc<dyn X509Signer>,
    wanted: watch::Receiver<()>,
    scheme: SignatureScheme,
    tls: TlsScheme,
}

impl std::fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RemoteSigner({:?})", self.scheme)
    }
}

impl Signer for RemoteSigner {
    /// The signer may await, so it needs a thread that is not in the middle of awaiting; and it may block that.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, RustlsError> {
        let runtime = Handle::current();
        let mut wanted = self.wanted.clone();
        let signing = async {
            select! {
                result = self.signer.sign(self.scheme, message) => result,
                _ = wanted.changed() => Err(NOT_WANTED.into()),
            }
        };
        let result = thread::scope(|scope| scope.spawn(|| runtime.block_on(signing)).join());
        match result {
            Ok(result) => result.map_err(|error| RustlsError::Other(OtherError(Arc::from(error)))),
            Err(_) => Err(RustlsError::General("the signer panicked".to_owned())),
        }
    }

    fn scheme(&self) -> TlsScheme {
        self.tls
    }
}

/// Does what may block on a thread of its own. Dropping the future ends it, as soon as what blocks lets it.
///
/// # Errors
/// The work panicked, which is told as an I/O error.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    still_wanted: watch::Sender<()>,
) -> io::Result<T> {
    let runtime = Handle::current();
    let mut wanted = still_wanted.subscribe();
    let thread = spawn_blocking(move || {
        runtime.block_on(async {
            select! {
                result = work => Ok(result),
                _ = wanted.changed() => Err(io::Error::other(NOT_WANTED)),
            }
        })
    });
    let result = thread.await.map_err(io::Error::other)?;
    drop(still_wanted);
    result
}

/// `None` for what this version does not know how to say in TLS.
fn tls_scheme(scheme: SignatureScheme) -> Option<TlsScheme> {
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

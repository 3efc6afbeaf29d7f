//! Whether a handshake presented the device's certificate.

use std::sync::{Arc, OnceLock};

use rustls::{SignatureScheme, client::ResolvesClientCert, sign::CertifiedKey};

use super::verifier::HandshakeRecord;

/// What became of the device's certificate in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    /// The server has not asked for one.
    NotRequested,
    /// The server asked for one, and the device has none that fits.
    Missing,
    /// The device presented it.
    Presented,
}

/// What became of the device's certificate in one handshake.
#[derive(Debug, Default)]
pub(super) struct ClientAuthRecord(OnceLock<bool>);

impl ClientAuthRecord {
    pub(super) fn get(&self) -> ClientAuth {
        match self.0.get() {
            None => ClientAuth::NotRequested,
            Some(false) => ClientAuth::Missing,
            Some(true) => ClientAuth::Presented,
        }
    }
}

/// Presents what another resolver does, and records whether that is a certificate.
#[derive(Debug)]
pub(super) struct RecordingResolver {
    resolver: Arc<dyn ResolvesClientCert>,
    record: Arc<HandshakeRecord>,
}

impl RecordingResolver {
    pub(super) fn new(resolver: Arc<dyn ResolvesClientCert>, record: Arc<HandshakeRecord>) -> Self {
        Self { resolver, record }
    }
}

impl ResolvesClientCert for RecordingResolver {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let resolved = self.resolver.resolve(issuers, schemes);
        // rustls presents a certificate only if its key can sign with one of the server's schemes.
        let fits = |certified: &Arc<CertifiedKey>| certified.key.choose_scheme(schemes).is_some();
        // A server asks once per handshake.
        let _ = self.record.auth.0.set(resolved.as_ref().is_some_and(fits));
        resolved
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.resolver.has_certs()
    }
}

//! The configuration of each handshake, made from parts that handshakes share.

use std::{io, sync::Arc};

use provisioning_types::{ClientCertificate, ErrorKind, TransportError};
use rustls::ClientConfig;

use super::{
    client_auth::{ClientAuthRecord, RecordingResolver},
    latest::Latest,
    roots::LoadedRoots,
    settings::{Tls, unusable},
    verifier::{Presented, RecordingVerifier, Verifiers},
};
use crate::blocking::run_blocking;

/// Makes configurations. The verifiers are made once, and again when the roots have changed; the client certificate and
/// its key are parsed once, and again when another certificate is used.
#[derive(Debug)]
pub(super) struct ConfigCache {
    tls: Tls,
    verifiers: Latest<LoadedRoots, Arc<Verifiers>>,
    config: Latest<Option<ClientCertificate>, ClientConfig>,
}

impl ConfigCache {
    pub(super) fn new(tls: Tls) -> Self {
        Self {
            tls,
            verifiers: Latest::default(),
            config: Latest::default(),
        }
    }

    /// The configuration of one handshake with this client certificate, which records in `presented` what the server
    /// presents, and in `auth` what the device does.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] when roots, certificate or key cannot be used; [`ErrorKind::Tls`] when the platform's trust
    /// store or the crypto provider cannot.
    pub(super) async fn get(
        self: &Arc<Self>,
        certificate: Option<&ClientCertificate>,
        presented: Presented,
        auth: ClientAuthRecord,
    ) -> Result<ClientConfig, TransportError> {
        let verifiers = self.verifiers().await?;
        let mut config = self.shared_config(certificate)?;
        // Not a way around verification: it asks rustls's own verifiers, and only records what they saw.
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(RecordingVerifier::new(verifiers, presented)));
        let resolver = RecordingResolver::new(config.client_auth_cert_resolver, auth);
        config.client_auth_cert_resolver = Arc::new(resolver);
        Ok(config)
    }

    /// What handshakes with the same client certificate share.
    fn shared_config(&self, certificate: Option<&ClientCertificate>) -> Result<ClientConfig, TransportError> {
        let make = |certificate: &Option<ClientCertificate>| self.tls.client_config(certificate.as_ref());
        self.config.get_or_make(certificate.cloned(), make)
    }

    async fn verifiers(self: &Arc<Self>) -> Result<Arc<Verifiers>, TransportError> {
        if !self.tls.roots.may_block() {
            return self.current_verifiers();
        }
        let this = Arc::clone(self);
        run_blocking(async move { this.current_verifiers() })
            .await
            .map_err(not_loaded)?
    }

    /// The verifiers for the roots as they are now.
    fn current_verifiers(&self) -> Result<Arc<Verifiers>, TransportError> {
        self.verifiers.get_or_make(self.tls.roots.load()?, |roots| {
            let verifiers = Verifiers::new(roots.store()?, roots.platform.as_ref(), &self.tls.provider);
            Ok(Arc::new(verifiers.map_err(unusable)?))
        })
    }
}

/// A source of roots panicked.
fn not_loaded(error: io::Error) -> TransportError {
    TransportError::new(ErrorKind::Input, "the CA certificates were not loaded").with_source(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use provisioning_types::{InvalidInput, PrivateKey, RootSource, Secret};

    use super::*;

    /// Holds certificates that a test can replace.
    #[derive(Debug, Clone)]
    struct Replaceable(Arc<Mutex<Arc<[Vec<u8>]>>>);

    impl Replaceable {
        fn new(certificates: Vec<Vec<u8>>) -> Self {
            Self(Arc::new(Mutex::new(certificates.into())))
        }

        fn replace(&self, certificates: Vec<Vec<u8>>) {
            *self.0.lock().expect("no panic") = certificates.into();
        }
    }

    impl RootSource for Replaceable {
        fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
            Ok(Arc::clone(&self.0.lock().expect("no panic")))
        }

        fn may_block(&self) -> bool {
            false
        }
    }

    /// A certificate and its key, in DER.
    fn self_signed() -> (Vec<u8>, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).expect("a certificate");
        (made.cert.der().to_vec(), made.signing_key.serialize_der())
    }

    fn client_certificate() -> ClientCertificate {
        let (certificate, key) = self_signed();
        ClientCertificate::new(vec![certificate], PrivateKey::Der(Secret::new(key)))
    }

    #[test]
    fn verifiers_are_made_again_only_when_a_source_returns_other_certificates() {
        let (one, other) = (self_signed().0, self_signed().0);
        let (only, extra) = (
            Replaceable::new(vec![one.clone()]),
            Replaceable::new(vec![other.clone()]),
        );
        let tls = Tls::new().with_extra_roots(extra.clone()).with_only_roots(only.clone());
        let cache = ConfigCache::new(tls);
        let current = || cache.current_verifiers().expect("roots");
        let first = current();
        assert!(Arc::ptr_eq(&first, &current()), "the same `Arc`");
        only.replace(vec![one.clone()]);
        assert!(Arc::ptr_eq(&first, &current()), "the same certificates");
        only.replace(vec![other.clone()]);
        let second = current();
        assert!(!Arc::ptr_eq(&first, &second), "other certificates");
        extra.replace(vec![other, one]);
        assert!(!Arc::ptr_eq(&second, &current()), "more certificates");
    }

    #[cfg(feature = "platform-roots")]
    #[test]
    fn the_platforms_trust_store_is_read_once_while_it_does_not_change() {
        let cache = ConfigCache::new(Tls::new().with_extra_roots(Replaceable::new(vec![self_signed().0])));
        let current = || cache.current_verifiers().expect("roots");
        assert!(Arc::ptr_eq(&current(), &current()));
    }

    #[test]
    fn a_certificate_is_parsed_once_and_dropped_once_another_one_is_used() {
        let root = Replaceable::new(vec![self_signed().0]);
        let cache = ConfigCache::new(Tls::new().with_only_roots(root));
        let get = |certificate: Option<&ClientCertificate>| {
            let config = cache.shared_config(certificate);
            config.expect("a certificate").client_auth_cert_resolver
        };
        let (old, renewed) = (client_certificate(), client_certificate());
        let resolver = get(Some(&old));
        assert!(Arc::ptr_eq(&resolver, &get(Some(&old))));
        let key = Arc::downgrade(&resolver);
        drop(resolver);
        assert!(key.upgrade().is_some(), "it is kept");
        assert!(get(Some(&renewed)).has_certs());
        assert!(key.upgrade().is_none(), "it is dropped");
        assert!(!get(None).has_certs());
    }
}

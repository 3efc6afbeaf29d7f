//! The configuration of each handshake, made from parts that handshakes share.

use std::sync::Arc;

use provisioning_types::{ClientCertificate, Latest, PrivateKey, TransportError};
use rustls::ClientConfig;

use super::{
    client_auth::RecordingResolver,
    key_check,
    roots::{LoadedRoots, Loading},
    settings::Tls,
    verifier::{HandshakeRecord, RecordingVerifier, Verifiers},
};
use crate::blocking::{Turn, run_blocking};

/// What one handshake needs besides the stream.
#[derive(Debug)]
pub(crate) struct HandshakeConfig {
    pub(super) client: ClientConfig,
    /// The turn with the external key, if the key is one.
    pub(super) turn: Option<Turn>,
}

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
    /// presents, and in `auth` what the device does. With an external key, waits for its turn, and checks the key before
    /// its first connection.
    ///
    /// # Errors
    /// `Input` when roots, certificate or key cannot be used; `Local` when the key is not available, the clock is not
    /// set, or there are no roots; `Tls` when the crypto provider cannot be used.
    pub(super) async fn get(
        self: &Arc<Self>,
        certificate: Option<&ClientCertificate>,
        record: Arc<HandshakeRecord>,
    ) -> Result<HandshakeConfig, TransportError> {
        self.tls.clock.check()?;
        let verifiers = self.verifiers().await?;
        let mut client = self.shared_config(certificate)?;
        // Not a way around verification: it asks rustls's own verifiers, and only records what they saw.
        client
            .dangerous()
            .set_certificate_verifier(Arc::new(RecordingVerifier::new(verifiers, Arc::clone(&record))));
        let resolver = RecordingResolver::new(client.client_auth_cert_resolver, record);
        client.client_auth_cert_resolver = Arc::new(resolver);
        let turn = match certificate.map(|certificate| (certificate.key(), certificate.chain())) {
            Some((PrivateKey::External(signer), chain)) => {
                Some(key_check::turn_of(signer, chain, &self.tls.provider).await?)
            }
            Some((PrivateKey::Der(_), _)) | None => None,
        };
        Ok(HandshakeConfig { client, turn })
    }

    /// What handshakes with the same client certificate share.
    fn shared_config(&self, certificate: Option<&ClientCertificate>) -> Result<ClientConfig, TransportError> {
        let make = |certificate: &Option<ClientCertificate>| self.tls.client_config(certificate.as_ref());
        self.config.get_or_make(certificate.cloned(), make)
    }

    /// The verifiers for the roots as they are now.
    async fn verifiers(self: &Arc<Self>) -> Result<Arc<Verifiers>, TransportError> {
        let key = match self.tls.roots.load_if_ready() {
            Loading::Ready(roots) => return self.verifiers_for(roots?),
            Loading::MayBlock(key) => key,
        };
        let this = Arc::clone(self);
        run_blocking(key, async move { this.verifiers_for(this.tls.roots.load()?) }).await?
    }

    fn verifiers_for(&self, roots: LoadedRoots) -> Result<Arc<Verifiers>, TransportError> {
        self.verifiers.get_or_make(roots, |roots| {
            let verifiers = Verifiers::new(roots.store()?, roots.platform.as_ref(), &self.tls.provider);
            Ok(Arc::new(verifiers?))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Duration, SystemTime},
    };

    use provisioning_types::{ErrorKind, InvalidInput, PrivateKey, RootSource, Secret};

    use super::*;
    use crate::tls::clock::Clock;

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
        let current = || {
            let roots = cache.tls.roots.load().expect("roots");
            cache.verifiers_for(roots).expect("verifiers")
        };
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
        let current = || {
            let roots = cache.tls.roots.load().expect("roots");
            cache.verifiers_for(roots).expect("verifiers")
        };
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

    #[tokio::test]
    async fn a_clock_before_1970_is_an_error_before_any_connection() {
        let mut tls = Tls::new().with_only_roots(Replaceable::new(vec![self_signed().0]));
        tls.clock = Clock::of(|| SystemTime::UNIX_EPOCH - Duration::from_secs(1));
        let config = Arc::new(ConfigCache::new(tls))
            .get(None, Arc::default())
            .await
            .map(drop);
        assert_eq!(config.expect_err("before 1970").kind(), ErrorKind::Local);
    }
}

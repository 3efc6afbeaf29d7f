//! The trusted CA certificates: their sources, and what these hold.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use provisioning_types::{BlockingKey, InvalidInput, RootSource};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

use super::platform::TrustStore;

/// Where the trusted CA certificates come from.
#[derive(Debug, Clone, Default)]
pub(super) struct Roots {
    /// `None` for the platform's trust store.
    pub(super) only: Option<Arc<dyn RootSource>>,
    pub(super) extra: Vec<Arc<dyn RootSource>>,
}

/// The CA certificates at one moment. They are equal while every source returns the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoadedRoots {
    pub(super) platform: Option<TrustStore>,
    /// Comparing is cheap while a source returns clones of one `Arc`.
    given: Vec<Arc<[Vec<u8>]>>,
}

impl Roots {
    /// What [`load`](Self::load), or making a verifier from what it returns, may block on; `None` if it does not block.
    pub(super) fn blocking_key(&self) -> Option<BlockingKey> {
        static PLATFORM: LazyLock<Arc<()>> = LazyLock::new(Arc::default);
        if self.only.is_none() && !TrustStore::is_recent() {
            return Some(BlockingKey::of(&PLATFORM));
        }
        let mut sources = self.only.iter().chain(&self.extra);
        sources.find(|source| source.may_block()).map(BlockingKey::of)
    }

    /// Asks every source.
    pub(super) fn load(&self) -> Result<LoadedRoots, InvalidInput> {
        let platform = match &self.only {
            Some(_) => None,
            None => TrustStore::current(),
        };
        let given = self.given(platform.is_some())?;
        Ok(LoadedRoots { platform, given })
    }

    /// Checks what the sources return. The platform's trust store is not read.
    pub(super) fn check(&self) -> Result<(), InvalidInput> {
        let given = self.given(self.only.is_none() && cfg!(feature = "platform-roots"))?;
        let platform = None;
        LoadedRoots { platform, given }.store().map(drop)
    }

    fn given(&self, beside_platform: bool) -> Result<Vec<Arc<[Vec<u8>]>>, InvalidInput> {
        let sources = self.only.iter().chain(&self.extra);
        let given = sources.map(|source| source.load()).collect::<Result<Vec<_>, _>>()?;
        if given.is_empty() && !beside_platform {
            return Err(invalid(
                "given ones, as this build does not read the platform's trust store (feature `platform-roots`)",
            ));
        }
        if given.iter().any(|certificates| certificates.is_empty()) {
            return Err(invalid("at least one certificate"));
        }
        Ok(given)
    }
}

impl LoadedRoots {
    /// The certificates that were given; none when only the platform's are trusted.
    pub(super) fn store(&self) -> Result<RootCertStore, InvalidInput> {
        let mut store = RootCertStore::empty();
        for (certificate, number) in self.given.iter().flat_map(|source| source.iter().zip(1..)) {
            store
                .add(CertificateDer::from(certificate.as_slice()))
                .map_err(|_| invalid(format!("X.509 certificates; number {number} is not one")))?;
        }
        Ok(store)
    }
}

fn invalid(expected: impl Into<Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("CA certificates", expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_reads_no_trust_store_needs_given_roots() {
        let error = Roots::default().given(false).expect_err("none");
        assert_eq!(error.input(), "CA certificates");
        assert!(error.expected().contains("`platform-roots`"), "{error}");
    }
}

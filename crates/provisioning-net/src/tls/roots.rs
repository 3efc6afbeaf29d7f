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

/// What came of asking the sources without blocking.
#[derive(Debug)]
pub(super) enum Loading {
    Ready(Result<LoadedRoots, InvalidInput>),
    /// [`Roots::load`] may block on this.
    MayBlock(BlockingKey),
}

impl Roots {
    /// Asks every source, unless that may block.
    pub(super) fn load_if_ready(&self) -> Loading {
        static PLATFORM: LazyLock<Arc<()>> = LazyLock::new(Arc::default);
        let platform = self.trusts_platform().then(TrustStore::recent);
        if let Some(None) = platform {
            return Loading::MayBlock(BlockingKey::of(&PLATFORM));
        }
        match self.sources().find(|source| source.may_block()) {
            Some(source) => Loading::MayBlock(BlockingKey::of(source)),
            None => Loading::Ready(self.load_with(platform.flatten())),
        }
    }

    /// Asks every source. May block, and so may making a verifier from what it returns.
    pub(super) fn load(&self) -> Result<LoadedRoots, InvalidInput> {
        self.load_with(self.trusts_platform().then(TrustStore::current).flatten())
    }

    /// Checks what the sources return. The platform's trust store is not read.
    pub(super) fn check(&self) -> Result<(), InvalidInput> {
        let given = self.given(self.trusts_platform())?;
        let platform = None;
        LoadedRoots { platform, given }.store().map(drop)
    }

    fn trusts_platform(&self) -> bool {
        self.only.is_none() && cfg!(feature = "platform-roots")
    }

    fn sources(&self) -> impl Iterator<Item = &Arc<dyn RootSource>> {
        self.only.iter().chain(&self.extra)
    }

    fn load_with(&self, platform: Option<TrustStore>) -> Result<LoadedRoots, InvalidInput> {
        let given = self.given(platform.is_some())?;
        Ok(LoadedRoots { platform, given })
    }

    fn given(&self, beside_platform: bool) -> Result<Vec<Arc<[Vec<u8>]>>, InvalidInput> {
        let given = self.sources().map(|source| source.load());
        let given = given.collect::<Result<Vec<_>, _>>()?;
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

    /// A file, as far as its answer to whether it blocks goes.
    #[derive(Debug)]
    struct File;

    impl RootSource for File {
        fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
            Ok([vec![0x30, 0]].into())
        }
    }

    #[test]
    fn a_source_that_may_block_is_not_asked_where_blocking_does_harm() {
        let roots = Roots {
            only: Some(Arc::new(File)),
            extra: vec![],
        };
        assert!(matches!(roots.load_if_ready(), Loading::MayBlock(_)));
        assert!(roots.load().is_ok());
    }

    #[test]
    fn a_build_that_reads_no_trust_store_needs_given_roots() {
        let error = Roots::default().given(false).expect_err("none");
        assert_eq!(error.input(), "CA certificates");
        assert!(error.expected().contains("`platform-roots`"), "{error}");
    }
}

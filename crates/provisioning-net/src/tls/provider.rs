//! The TLS providers of this build, by name.

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
use std::sync::LazyLock;
use std::{fmt, str::FromStr, sync::Arc};

use provisioning_types::InvalidInput;
use rustls::crypto::CryptoProvider;

/// A TLS provider that this build came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsProvider {
    /// ring (feature `ring`).
    #[cfg(feature = "ring")]
    Ring,
    /// aws-lc-rs (feature `aws-lc-rs`).
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
}

impl TlsProvider {
    /// The providers of this build; the first is the default.
    pub const AVAILABLE: &'static [Self] = &[
        #[cfg(feature = "ring")]
        Self::Ring,
        #[cfg(feature = "aws-lc-rs")]
        Self::AwsLcRs,
    ];

    /// The name: `ring` or `aws-lc-rs`.
    pub fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring => "ring",
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => "aws-lc-rs",
        }
    }

    /// The private keys that it supports, in words.
    pub(super) fn keys(self) -> &'static str {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring => "an EC P-256, EC P-384, Ed25519, or RSA key of 2048, 3072 or 4096 bits, which ring takes",
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => {
                "an EC P-256, EC P-384, EC P-521, Ed25519, or RSA key of 2048 to 8192 bits, which aws-lc-rs takes"
            }
        }
    }

    /// The curves of the EC keys that it supports.
    pub(super) fn curves(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring => &["P-256", "P-384"],
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => &["P-256", "P-384", "P-521"],
        }
    }

    /// The provider, which all clients of the process share.
    pub(super) fn crypto_provider(self) -> Arc<CryptoProvider> {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring => {
                static RING: LazyLock<Arc<CryptoProvider>> =
                    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
                Arc::clone(&RING)
            }
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => {
                static AWS_LC_RS: LazyLock<Arc<CryptoProvider>> =
                    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
                Arc::clone(&AWS_LC_RS)
            }
        }
    }
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl Default for TlsProvider {
    /// ring, if this build came with it.
    fn default() -> Self {
        Self::AVAILABLE[0]
    }
}

impl FromStr for TlsProvider {
    type Err = InvalidInput;

    /// Parses a name.
    fn from_str(name: &str) -> Result<Self, InvalidInput> {
        let found = Self::AVAILABLE.iter().find(|provider| provider.as_str() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = Self::AVAILABLE.iter().map(|provider| provider.as_str()).collect();
            let expected = format!("one that this build came with: {}", names.join(" or "));
            InvalidInput::new("TLS provider", expected).with_given(name)
        })
    }
}

provisioning_types::text_conversions!(TlsProvider);

impl fmt::Display for TlsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! The peer of a connection.

use std::fmt;

use rustls_pki_types::CertificateDer;

use crate::identity::to_pem;

/// The peer, as TLS identifies it.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// A client certificate whose key the peer has.
    Certificate {
        common_name: Option<String>,
        /// Leaf first.
        chain: Vec<CertificateDer<'static>>,
    },
    /// TLS without a client certificate.
    Anonymous,
    /// No TLS, in memory only: its registration id is accepted.
    Trusted,
}

impl Peer {
    /// The common name of the client certificate.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Certificate { common_name, .. } => common_name.as_deref(),
            Self::Anonymous | Self::Trusted => None,
        }
    }

    /// The client certificate chain, PEM.
    pub(crate) fn certificates_pem(&self) -> Option<String> {
        match self {
            Self::Certificate { chain, .. } => Some(chain.iter().map(|der| to_pem(der)).collect()),
            Self::Anonymous | Self::Trusted => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate {
                common_name: Some(name),
                ..
            } => write!(formatter, "client certificate with the common name {name:?}"),
            Self::Certificate { common_name: None, .. } => {
                formatter.write_str("client certificate without a common name")
            }
            Self::Anonymous => formatter.write_str("no client certificate"),
            Self::Trusted => formatter.write_str("no TLS"),
        }
    }
}

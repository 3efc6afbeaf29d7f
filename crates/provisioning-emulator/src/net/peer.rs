//! The peer of a connection.

use std::fmt;

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identifiers::hex;

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

    /// A line for each certificate of the client, leaf first: its subject, its issuer and its SHA-256 thumbprint.
    pub(crate) fn certificates(&self) -> Option<String> {
        match self {
            Self::Certificate { chain, .. } => {
                let lines: Vec<_> = chain.iter().map(describe).collect();
                Some(lines.join("\n"))
            }
            Self::Anonymous | Self::Trusted => None,
        }
    }
}

/// The subject, the issuer and the SHA-256 thumbprint of a certificate.
pub(crate) fn describe(der: &CertificateDer<'_>) -> String {
    let names = match X509Certificate::from_der(der) {
        Ok((_, certificate)) => {
            let (subject, issuer) = (certificate.subject().to_string(), certificate.issuer().to_string());
            format!("subject {subject:?}, issuer {issuer:?}")
        }
        Err(_) => "not an X.509 certificate".to_owned(),
    };
    format!("{names}, SHA-256 {}", hex(&Sha256::digest(der)))
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

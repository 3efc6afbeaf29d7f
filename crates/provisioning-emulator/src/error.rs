//! Why an emulator does not start, or does not make what it is asked for.

use std::{io, path::PathBuf};

use crate::ConfigError;

/// What this machine, or what was given, does not allow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// A port could not be listened on. Choose another, or 0 for a free one.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address and port.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate could not be made: a name that does not fit into one, say.
    #[error("a certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// A PEM file does not hold what it should.
    #[error("the PEM is not what it should be: {0}")]
    Pem(String),
    /// An enrollment cannot be used: a key that is no base64, a certificate that is none.
    #[error("the enrollment {id} cannot be used: {reason}")]
    Enrollment {
        /// The registration id, or the group's id.
        id: String,
        /// What was expected of what.
        reason: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

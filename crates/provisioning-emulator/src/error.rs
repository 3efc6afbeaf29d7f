//! The error of the emulator.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use crate::{config::ConfigError, port::Port};

/// An emulator cannot start, or cannot create a certificate or an enrollment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// A port is taken or not allowed. Choose another, or 0 for a free one.
    #[error("the {port} port cannot listen on {address}{remedy}")]
    #[non_exhaustive]
    Listen {
        /// The port, by what it is for.
        port: Port,
        /// The address and port.
        address: String,
        /// What to do, in the flags of the command and in parentheses; empty in a program.
        remedy: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("{} cannot be used{remedy}", path.display())]
    #[non_exhaustive]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What to do, in the flags of the command and in parentheses; empty in a program.
        remedy: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A file that a flag of the command names could not be opened or read.
    #[error("{flag} {}: the file cannot be used", path.display())]
    #[non_exhaustive]
    Flag {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system, or what is wrong with the content.
        source: io::Error,
    },
    /// The ready file exists and is not a regular file. Name another.
    #[error("the ready file {} cannot be used: expected a regular file", path.display())]
    #[non_exhaustive]
    ReadyFile {
        /// The path.
        path: PathBuf,
    },
    /// Standard output cannot be written.
    #[error("standard output cannot be written")]
    #[non_exhaustive]
    Stdout {
        /// The error of the system.
        source: io::Error,
    },
    /// The thread that waits for the end of standard input could not be started.
    #[error("standard input cannot be read")]
    #[non_exhaustive]
    Stdin {
        /// The error of the system.
        source: io::Error,
    },
    /// The handlers of Ctrl-C and SIGTERM could not be installed.
    #[error("the signal handlers cannot be installed")]
    #[non_exhaustive]
    Signals {
        /// The error of the system.
        source: io::Error,
    },
    /// `--health`: no emulator serves calls. It does not run, or another program listens there.
    #[error("no emulator serves calls at {address}")]
    #[non_exhaustive]
    Unhealthy {
        /// The host and port of its page.
        address: String,
        /// The error of the connection.
        source: io::Error,
    },
    /// The machine's clock is before 1970. Set it: certificates, tokens and times in answers depend on it.
    #[error("this machine's clock is before 1970")]
    Clock,
    /// The thread that writes the log's file could not be started.
    #[error("the log cannot be written")]
    #[non_exhaustive]
    Log {
        /// The error of the system.
        source: io::Error,
    },
    /// The thread that persists enrollments and registrations could not be started.
    #[error("the state cannot be persisted")]
    #[non_exhaustive]
    Persist {
        /// The error of the system.
        source: io::Error,
    },
    /// A certificate could not be created. A common cause is a name that does not fit into a certificate.
    #[error("a certificate cannot be made")]
    #[non_exhaustive]
    Certificate {
        /// The error of the certificate's encoder.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file in the folder is invalid: neither PEM nor DER, expired, without its key, or issued by another CA. The message
    /// names the file, what it is instead, and the remedy.
    #[error("{0}")]
    InvalidFile(String),
    /// An enrollment cannot be used: a key is not base64, or a certificate cannot be read.
    #[error("the enrollment {id} cannot be used: {reason}")]
    #[non_exhaustive]
    Enrollment {
        /// The registration id, or the group's id.
        id: String,
        /// What was expected.
        reason: String,
    },
    /// A [`Device`](crate::Device) cannot be used: its issued chain is not JSON.
    #[error("the device {registration_id} cannot be used: {reason}")]
    #[non_exhaustive]
    Device {
        /// The registration id.
        registration_id: String,
        /// What was expected.
        reason: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A name of [`Builder::host`](crate::Builder::host) is neither a DNS name nor an IP address.
    #[error("the host {name:?} cannot be used: expected a DNS name or an IP address, without a port")]
    #[non_exhaustive]
    Host {
        /// The name.
        name: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    #[non_exhaustive]
    Tls {
        /// The error of the TLS library.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl EmulatorError {
    /// Whether it is a mistake in the configuration or in what the flags of the command name: `dps-emulator` exits with 2.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::Config(_) | Self::ReadyFile { .. } | Self::Flag { .. })
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        let remedy = String::new();
        Self::File { path, remedy, source }
    }

    /// The file of persisted enrollments and registrations is damaged.
    pub(crate) fn damaged(path: &Path, problem: &str) -> Self {
        Self::InvalidFile(format!(
            "{} is damaged: {problem}; restore it from a copy, or move it away to start without the enrollments and \
             registrations in it. It is left as it is",
            path.display()
        ))
    }

    pub(crate) fn certificate(source: rcgen::Error) -> Self {
        Self::Certificate { source: source.into() }
    }

    pub(crate) fn tls(source: rustls::Error) -> Self {
        Self::Tls { source: source.into() }
    }
}

//! What a byte stream is made for.

use std::{fmt::Write, sync::Arc};

use provisioning_types::{ClientCertificate, ConnectionEvent, Progress};

use crate::{attempt_limit::AttemptLimit, deadline::Deadline, uri::ServiceUri};

const DEFAULT_MAX_MESSAGE_SIZE: usize = 1024 * 1024;

/// Where to connect to, and what the connectors on the way need to know.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    uri: &'a ServiceUri,
    certificate: Option<&'a ClientCertificate>,
    max_message_size: usize,
    attempt: Option<&'a AttemptLimit<'a>>,
}

impl<'a> Target<'a> {
    /// The service at `uri`, without a client certificate.
    pub fn new(uri: &'a ServiceUri) -> Self {
        Self {
            uri,
            certificate: None,
            max_message_size: DEFAULT_MAX_MESSAGE_SIZE,
            attempt: None,
        }
    }

    /// The same, at another URI.
    #[must_use]
    pub fn with_uri(self, uri: &'a ServiceUri) -> Self {
        Self { uri, ..self }
    }

    /// Presents `certificate` in the TLS handshake, or none.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<&'a ClientCertificate>) -> Self {
        Self { certificate, ..self }
    }

    /// The largest message that is accepted from the service, in bytes. 1 MiB unless given.
    #[must_use]
    pub fn with_max_message_size(self, bytes: usize) -> Self {
        Self {
            max_message_size: bytes,
            ..self
        }
    }

    /// Where to connect to.
    pub fn uri(&self) -> &'a ServiceUri {
        self.uri
    }

    /// The certificate to present in the TLS handshake.
    pub fn certificate(&self) -> Option<&'a ClientCertificate> {
        self.certificate
    }

    /// The largest message that is accepted from the service, in bytes.
    pub fn max_message_size(&self) -> usize {
        self.max_message_size
    }

    /// The limit of the attempt that the connection is a part of. A connector that opens the connection ends by its
    /// deadline, so that its error says how far it came.
    pub(crate) fn with_attempt(self, attempt: &'a AttemptLimit<'a>) -> Self {
        Self {
            attempt: Some(attempt),
            ..self
        }
    }

    pub(crate) fn attempt(&self) -> Option<&'a AttemptLimit<'a>> {
        self.attempt
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.attempt.map(AttemptLimit::deadline)
    }

    /// The service as reports name it, `host:port`.
    pub(crate) fn peer(&self) -> &'a Arc<str> {
        self.uri.address()
    }

    /// Reports that a connection to the URI is being made. The connector at the bottom of a stack, which makes the
    /// connection, calls this; the connectors above it do not.
    pub fn report(self, progress: Progress<'_>) {
        let mut uri = String::with_capacity(64);
        // Writing to a string does not fail.
        let _ = write!(uri, "{}", self.uri);
        tracing::debug!(uri, "connecting");
        progress.report(ConnectionEvent::Connecting { uri });
    }
}

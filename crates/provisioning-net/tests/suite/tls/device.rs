//! A device whose TLS connections end at a server in memory.

use std::sync::Arc;

use provisioning_net::{BoxedStream, Connector, ServiceUri, Target, Tls, TlsConnector};
use provisioning_types::{ClientCertificate, Endpoint, Progress, TransportError};
use tokio::{io::DuplexStream, task::JoinHandle};

use crate::support::{InMemory, Incoming, endpoint, in_memory, mqtts, soon};

pub(super) struct Device {
    connector: TlsConnector<InMemory>,
    certificate: Option<ClientCertificate>,
    incoming: Incoming,
}

impl Device {
    pub(super) fn new(tls: Tls, certificate: impl Into<Option<ClientCertificate>>) -> Self {
        let (inner, incoming) = in_memory();
        Self {
            connector: TlsConnector::over(inner, tls),
            certificate: certificate.into(),
            incoming,
        }
    }

    /// Uses another certificate from now on.
    pub(super) fn renew(&mut self, certificate: ClientCertificate) {
        self.certificate = Some(certificate);
    }

    pub(super) fn connect(&self) -> Call {
        self.connect_to(endpoint())
    }

    pub(super) fn connect_to(&self, endpoint: Endpoint) -> Call {
        let (connector, certificate) = (self.connector.clone(), self.certificate.clone());
        Call(tokio::spawn(connect(connector, mqtts(endpoint), certificate)))
    }

    /// The service's end of the next connection.
    pub(super) async fn stream(&self) -> DuplexStream {
        self.incoming.next().await
    }

    /// Whether no further connection was made.
    pub(super) async fn made_no_connection(&self) -> bool {
        self.incoming.is_empty().await
    }
}

async fn connect(
    connector: TlsConnector<InMemory>,
    uri: ServiceUri,
    certificate: Option<ClientCertificate>,
) -> Result<BoxedStream, TransportError> {
    let target = Target::new(&uri).with_certificate(certificate.as_ref());
    // As most users have it: behind a pointer.
    let connector: Arc<dyn Connector> = Arc::new(connector);
    connector.connect(&target, Progress::ignored()).await
}

/// A connection that is being made, in a task of its own.
pub(super) struct Call(JoinHandle<Result<BoxedStream, TransportError>>);

impl Call {
    pub(super) async fn outcome(self) -> Result<BoxedStream, TransportError> {
        soon("an outcome", self.0).await.expect("no panic")
    }

    pub(super) async fn stream(self) -> BoxedStream {
        self.outcome().await.expect("a connection")
    }

    pub(super) async fn error(self) -> TransportError {
        self.outcome().await.err().expect("no connection")
    }

    /// Drops the future.
    pub(super) async fn cancel(self) {
        self.0.abort();
        assert!(self.0.await.is_err_and(|error| error.is_cancelled()));
    }
}

//! A device whose TLS connections end at a server in memory.

use std::sync::Arc;

use provisioning_net::{BoxedStream, Connector, Target, Tls, TlsConnector};
use provisioning_types::{ClientCertificate, Endpoint, Progress};
use test_support::{Call, Incoming, in_memory};
use tokio::io::DuplexStream;

use crate::support::{endpoint, mqtts};

pub(super) struct Device {
    /// As most users have it: behind a pointer.
    connector: Arc<dyn Connector>,
    certificate: Option<ClientCertificate>,
    incoming: Incoming,
}

impl Device {
    pub(super) fn new(tls: Tls, certificate: impl Into<Option<ClientCertificate>>) -> Self {
        let (inner, incoming) = in_memory();
        Self {
            connector: Arc::new(TlsConnector::over(inner, tls)),
            certificate: certificate.into(),
            incoming,
        }
    }

    /// Uses another certificate from now on.
    pub(super) fn renew(&mut self, certificate: ClientCertificate) {
        self.certificate = Some(certificate);
    }

    pub(super) fn connect(&self) -> Call<BoxedStream> {
        self.connect_to(endpoint())
    }

    pub(super) fn connect_to(&self, endpoint: Endpoint) -> Call<BoxedStream> {
        let (connector, certificate, uri) = (self.connector.clone(), self.certificate.clone(), mqtts(endpoint));
        Call::start(async move {
            let target = Target::new(&uri).with_certificate(certificate.as_ref());
            connector.connect(&target, Progress::ignored()).await
        })
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

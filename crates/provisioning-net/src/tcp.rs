//! TCP, directly or through a proxy.

use std::net::SocketAddr;

use async_trait::async_trait;
use provisioning_types::{Progress, TransportError};

use crate::{
    address,
    connector::{BoxedStream, Connector},
    proxy::{Proxy, ProxyRules},
    target::Target,
    uri::ServiceUri,
};

/// TCP to the service, directly or through a proxy.
#[derive(Debug, Clone, Default)]
pub struct TcpConnector {
    proxy: ProxyRules,
}

impl TcpConnector {
    /// Connects directly.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects through a [`Proxy`], or as [`ProxyRules`] say. TLS above this connector is with the service all the
    /// same: the proxy learns the host, the port, and how much is sent.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl Into<ProxyRules>) -> Self {
        self.proxy = proxy.into();
        self
    }

    /// Connects, step by step; `report` has what the steps showed, also when one fails or the future is dropped.
    pub(crate) async fn open(
        &self,
        uri: &ServiceUri,
        report: &mut ConnectReport,
    ) -> Result<BoxedStream, TransportError> {
        let (host, port) = (uri.host(), uri.port());
        let stream: BoxedStream = match self.proxy_for(uri) {
            Some(proxy) => proxy.open(host, port).await?,
            None => {
                report.addresses = address::resolve(host, port).await?;
                Box::new(address::connect(host, port, &report.addresses).await?)
            }
        };
        report.reached = true;
        Ok(stream)
    }

    pub(crate) fn proxy_for(&self, uri: &ServiceUri) -> Option<&Proxy> {
        self.proxy.proxy_for(uri.host(), uri.port())
    }
}

#[async_trait]
impl Connector for TcpConnector {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        self.open(target.uri(), &mut ConnectReport::default()).await
    }
}

/// What the steps of a connection showed.
#[derive(Debug, Default)]
pub(crate) struct ConnectReport {
    /// The service's addresses, where this side resolves its name.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Whether the service was reached over TCP.
    pub(crate) reached: bool,
}

//! TCP, directly or through a proxy.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use provisioning_types::{ErrorKind, Progress, TransportError};

use crate::{
    address::{AddressAttempt, Network, Reach, System},
    connector::{BoxedStream, Connector},
    deadline::Deadline,
    proxy::{Proxy, ProxyRules},
    target::Target,
    uri::ServiceUri,
};

/// Two attempts of this length, and MQTT's own handshake, take less than a request's 30 s.
pub(crate) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(12);

/// TCP to the service, directly or through a proxy.
///
/// The addresses of a name are raced ([RFC 8305](https://www.rfc-editor.org/rfc/rfc8305)): the families alternate, the
/// next attempt starts 250 ms after the previous one or as soon as one fails, and the first connection counts. When
/// every attempt fails, the error lists the addresses with their outcomes.
#[derive(Debug, Clone)]
pub struct TcpConnector {
    /// Absent if they do nothing.
    proxy: Option<Arc<ProxyRules>>,
    connect_timeout: Duration,
}

impl Default for TcpConnector {
    fn default() -> Self {
        Self {
            proxy: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
        }
    }
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
        let rules = proxy.into();
        self.proxy = rules.is_needed().then(|| Arc::new(rules));
        self
    }

    /// How long a connection may take: name resolution, every address, and the proxy's answer together. 12 s unless
    /// given. A connection that takes longer fails as [`ErrorKind::Connect`](provisioning_types::ErrorKind::Connect).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a connection may take.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Connects, step by step; `report` has what the steps showed, also when one fails.
    pub(crate) async fn open<N: Network>(
        &self,
        network: &N,
        target: &Target<'_>,
        progress: Progress<'_>,
        report: &mut ConnectReport,
    ) -> Result<BoxedStream, TransportError> {
        let (host, port) = (target.uri().host(), target.uri().port());
        let reach = Reach {
            network,
            deadline: Deadline::after(self.connect_timeout).or_earlier(target.deadline()),
            progress,
        };
        let stream: BoxedStream = match self.proxy_for(target.uri()) {
            Some(proxy) => proxy.open(&reach, host, port).await?,
            None => {
                let reached = reach
                    .connect(host, port, Arc::clone(target.peer()), &mut report.attempts)
                    .await;
                Box::new(reached.map_err(|error| self.remark(error))?)
            }
        };
        report.reached = true;
        Ok(stream)
    }

    /// Adds to the error of a host that was not reached that the environment names no proxy.
    fn remark(&self, error: TransportError) -> TransportError {
        match self.proxy.as_ref().and_then(|rules| rules.none_found()) {
            Some(none_found) if error.kind() == ErrorKind::Connect => error.with_remark(none_found),
            _ => error,
        }
    }

    pub(crate) fn proxy_for(&self, uri: &ServiceUri) -> Option<&Proxy> {
        self.proxy.as_ref()?.proxy_for(uri.host(), uri.port())
    }
}

#[async_trait]
impl Connector for TcpConnector {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        self.open(&System, target, progress, &mut ConnectReport::default())
            .await
    }
}

/// What the steps of a connection showed.
#[derive(Debug, Default)]
pub(crate) struct ConnectReport {
    /// The service's addresses and their outcomes, where this side resolves its name.
    pub(crate) attempts: Vec<AddressAttempt>,
    /// Whether the service was reached over TCP.
    pub(crate) reached: bool,
}

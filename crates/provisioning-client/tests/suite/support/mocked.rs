//! The mock of the contract, behind a connection that stands: a mocked call is always ready, and the loss of a
//! connection must not be.

use std::{future::pending, sync::Arc};

use async_trait::async_trait;
use provisioning_client::{Policy, RegistrationClient};
use provisioning_types::{
    MockPollingTransport, PollingTransport, Progress, RegistrationRequest, Request, Response, TransportError,
};

/// A client over a mock that expects what `expect` tells it to, and nothing else.
pub(crate) fn mocked(expect: impl FnOnce(&mut MockPollingTransport)) -> RegistrationClient {
    let mut mock = MockPollingTransport::new();
    expect(&mut mock);
    RegistrationClient::new(Arc::new(NeverLost(mock)), Policy::default())
}

struct NeverLost(MockPollingTransport);

#[async_trait]
impl PollingTransport for NeverLost {
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        PollingTransport::send(&self.0, registration, request, progress).await
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        self.0.cancel()
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.0.disconnect()
    }

    async fn connection_lost(&self) -> TransportError {
        pending().await
    }

    fn abort(&self) {
        self.0.abort();
    }
}

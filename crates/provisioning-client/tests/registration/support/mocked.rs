//! The mock of the contract, behind a connection that stands: a mocked call is always ready, and the loss of a
//! connection must not be.

use std::{future::pending, sync::Arc};

use async_trait::async_trait;
use provisioning_client::{Policy, RegistrationClient};
use provisioning_types::{
    Answer, MockPollingTransport, PollingTransport, Progress, RegistrationRequest, TransportError,
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
    async fn registration_request(
        &self,
        request: &RegistrationRequest,
        progress: &Progress,
    ) -> Result<Answer, TransportError> {
        self.0.registration_request(request, progress).await
    }

    async fn query_operation_status(
        &self,
        request: &RegistrationRequest,
        operation_id: &str,
        progress: &Progress,
    ) -> Result<Answer, TransportError> {
        self.0.query_operation_status(request, operation_id, progress).await
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        self.0.cancel().await
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.0.disconnect().await
    }

    async fn connection_lost(&self) -> TransportError {
        pending().await
    }
}

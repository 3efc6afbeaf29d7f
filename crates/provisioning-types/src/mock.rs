//! `MockPollingTransport`. (mockall's `automock` cannot be used: it copies the trait's `doc(alias)` to an impl block.)

use async_trait::async_trait;

use crate::{Answer, PollingTransport, Progress, RegistrationRequest, TransportError};

mockall::mock! {
    /// A [`PollingTransport`] that answers as a test tells it to.
    pub PollingTransport {}

    #[async_trait]
    impl PollingTransport for PollingTransport {
        async fn registration_request(
            &self,
            request: &RegistrationRequest,
            progress: &Progress,
        ) -> Result<Answer, TransportError>;
        async fn query_operation_status(
            &self,
            request: &RegistrationRequest,
            operation_id: &str,
            progress: &Progress,
        ) -> Result<Answer, TransportError>;
        async fn cancel(&self) -> Result<(), TransportError>;
        async fn disconnect(&self) -> Result<(), TransportError>;
        async fn connection_lost(&self) -> TransportError;
    }
}

//! `MockPollingTransport`. (mockall neither copies `doc(alias)` nor takes [`Progress`], which borrows: the trait is
//! implemented by hand over the mock's own methods.)

#![allow(
    unused_parens,
    reason = "mockall repeats the parentheses of a reference's type where they are not needed"
)]

use async_trait::async_trait;

use crate::{
    request::RegistrationRequest,
    response::Response,
    transport::{ConnectionEvent, PollingTransport, Progress, Request},
    transport_error::TransportError,
};

mockall::mock! {
    /// A [`PollingTransport`] whose expectations a test sets. It answers at once.
    pub PollingTransport {
        /// What [`PollingTransport::send`] calls; the last argument reports progress.
        pub fn send(
            &self,
            registration: &RegistrationRequest,
            request: &Request,
            report: &(dyn Fn(ConnectionEvent) + Send + Sync),
        ) -> Result<Response, TransportError>;
        /// What [`PollingTransport::connection_lost`] calls.
        pub fn connection_lost(&self) -> TransportError;
        /// What [`PollingTransport::cancel`] calls.
        pub fn cancel(&self) -> Result<(), TransportError>;
        /// What [`PollingTransport::disconnect`] calls.
        pub fn disconnect(&self) -> Result<(), TransportError>;
        /// What [`PollingTransport::abort`] calls.
        pub fn abort(&self);
    }
}

#[async_trait]
impl PollingTransport for MockPollingTransport {
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        self.send(registration, request, &|event| progress.report(event))
    }

    async fn connection_lost(&self) -> TransportError {
        self.connection_lost()
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        self.cancel()
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.disconnect()
    }

    fn abort(&self) {
        self.abort();
    }
}

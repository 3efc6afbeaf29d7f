//! What the cases share: a request in flight is polled beside the service, each wait has a limit.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Connection, Received, Reply, Service, TransportHarness};
use crate::{
    error_kind::ErrorKind,
    identity::{IdScope, RegistrationId},
    request::RegistrationRequest,
    response::Response,
    transport::{PollingTransport, Progress, Request},
    transport_error::TransportError,
};

/// How long a case waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a case waits to see that something does not happen.
pub(super) const MOMENT: Duration = Duration::from_millis(50);

pub(super) type Outcome = Result<Response, TransportError>;
pub(super) type InFlight<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A request whose progress is of no interest.
pub(super) fn send<'a>(
    transport: &'a dyn PollingTransport,
    registration: &'a RegistrationRequest,
    request: &'a Request,
) -> InFlight<'a> {
    transport.send(registration, request, Progress::ignored())
}

/// What `future` resolves to when it is polled once.
pub(super) fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The output of `future`, which must not take long. `what` completes the sentence "... does not happen".
pub(super) async fn soon<F: Future>(harness: &dyn TransportHarness, what: &str, future: F) -> F::Output {
    match first(future, harness.sleep(PATIENCE)).await {
        Ok(output) => output,
        Err(()) => panic!("{what} does not happen"),
    }
}

/// The output of `script`, while the request is in flight. The request must not complete before.
pub(super) async fn during<F: Future>(
    harness: &dyn TransportHarness,
    request: &mut InFlight<'_>,
    what: &str,
    script: F,
) -> F::Output {
    match soon(harness, what, first(script, request)).await {
        Ok(output) => output,
        Err(outcome) => panic!("the request completes before {what}: {outcome:?}"),
    }
}

/// Sees that the request stays in flight.
pub(super) async fn stays_in_flight(harness: &dyn TransportHarness, request: &mut InFlight<'_>, why: &str) {
    if let Err(outcome) = first(harness.sleep(MOMENT), request).await {
        panic!("the request completes {why}: {outcome:?}");
    }
}

/// Sees that the request is cancelled.
pub(super) async fn is_cancelled(harness: &dyn TransportHarness, request: InFlight<'_>) {
    let outcome = soon(harness, "the end of the cancelled request", request).await;
    let error = outcome.expect_err("a cancelled request fails");
    assert_eq!(
        error.kind(),
        ErrorKind::Cancelled,
        "a cancelled request fails as cancelled: {error:?}"
    );
}

/// The output of the future that completes first.
async fn first<A: Future, B: Future>(one: A, other: B) -> Result<A::Output, B::Output> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => other.as_mut().poll(context).map(Err),
    })
    .await
}

/// Sends a request on the established connection and responds to it.
pub(super) async fn exchange(
    harness: &dyn TransportHarness,
    transport: &dyn PollingTransport,
    connection: &mut dyn Connection,
) {
    let (device, query) = (device(), query());
    let mut request = send(transport, &device, &query);
    let received = arrival(harness, &mut request, connection).await;
    respond(harness, request, connection, &received).await;
}

/// The request as it arrives at the service on the established connection.
pub(super) async fn arrival(
    harness: &dyn TransportHarness,
    request: &mut InFlight<'_>,
    connection: &mut dyn Connection,
) -> Received {
    during(harness, request, "the arrival of the request", connection.request()).await
}

/// Responds to the request. The response is the expected one.
pub(super) async fn respond(
    harness: &dyn TransportHarness,
    request: InFlight<'_>,
    connection: &mut dyn Connection,
    received: &Received,
) {
    let reply = Reply::assigning("ours");
    connection.respond(received, &reply).await;
    let outcome = soon(harness, "the response", request).await;
    let response = outcome.expect("the response to the request arrives");
    assert_eq!(response.body(), reply.body, "the request takes the response to itself");
}

/// The steps at which a case looks at a connection that is being made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Opened,
    AcceptedInPart,
}

impl Step {
    pub(super) const BOTH: [Self; 2] = [Self::Opened, Self::AcceptedInPart];

    /// The connection that the request is making, at this step.
    pub(super) async fn reach(
        self,
        harness: &dyn TransportHarness,
        request: &mut InFlight<'_>,
        service: &mut dyn Service,
    ) -> Box<dyn Connection> {
        let mut connection = during(harness, request, "a connection", service.connection()).await;
        if let Self::AcceptedInPart = self {
            during(
                harness,
                request,
                "the first part of the acceptance",
                connection.accept_in_part(),
            )
            .await;
        }
        connection
    }
}

/// The next connection, accepted for the request that opens it.
pub(super) async fn accept(
    harness: &dyn TransportHarness,
    request: &mut InFlight<'_>,
    service: &mut dyn Service,
) -> Box<dyn Connection> {
    let mut connection = during(harness, request, "a connection", service.connection()).await;
    during(
        harness,
        request,
        "the acceptance of the connection",
        connection.accept(),
    )
    .await;
    connection
}

/// Makes a connection and leaves it idle.
pub(super) async fn connect(
    harness: &dyn TransportHarness,
    transport: &dyn PollingTransport,
    service: &mut dyn Service,
) -> Box<dyn Connection> {
    let device = device();
    let mut request = send(transport, &device, &Request::Register);
    let mut connection = accept(harness, &mut request, service).await;
    let received = arrival(harness, &mut request, &mut *connection).await;
    respond(harness, request, &mut *connection, &received).await;
    connection
}

/// A transport with an idle connection.
pub(super) async fn connected(
    harness: &dyn TransportHarness,
) -> (Box<dyn PollingTransport>, Box<dyn Service>, Box<dyn Connection>) {
    let (transport, mut service) = harness.start();
    let connection = connect(harness, &*transport, &mut *service).await;
    (transport, service, connection)
}

/// Completes once the transport has closed the connection.
pub(super) async fn closed(harness: &dyn TransportHarness, connection: &mut dyn Connection) {
    soon(harness, "the close of the connection", connection.closed()).await;
}

/// Sees that there is no connection whose loss is known.
pub(super) fn nothing_is_lost(transport: &dyn PollingTransport, when: &str) {
    let lost = now(transport.connection_lost());
    assert!(lost.is_none(), "`connection_lost` resolves {when}: {lost:?}");
}

/// The device of most cases.
pub(super) fn device() -> RegistrationRequest {
    device_named("device-1")
}

pub(super) fn device_named(registration_id: &str) -> RegistrationRequest {
    RegistrationRequest::new(
        IdScope::new("0ne00A1B2C3").expect("an id scope"),
        RegistrationId::new(registration_id).expect("a registration id"),
    )
}

pub(super) fn query() -> Request {
    Request::Query {
        operation_id: "4.op".to_owned(),
    }
}

impl Reply {
    /// A response that this is being worked on. `mark` tells it from others.
    pub(super) fn assigning(mark: &str) -> Self {
        let body = format!(r#"{{"operationId":"4.op","status":"assigning","mark":"{mark}"}}"#);
        Self {
            status: 202,
            body: body.into_bytes(),
            retry_after: None,
        }
    }
}

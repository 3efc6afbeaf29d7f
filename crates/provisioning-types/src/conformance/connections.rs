//! Connections that end, are refused, or are not the right ones.

use super::{
    TransportHarness,
    drive::{
        accept, arrival, closed, connect, connected, device, device_named, during, nothing_is_lost, respond, send, soon,
    },
};
use crate::{
    endpoint::Endpoint,
    error_kind::{ErrorKind, Phase},
    host::Host,
    identity::{ApiVersion, IdScope},
    request::RegistrationRequest,
    transport::{PollingTransport, Request},
    transport_error::TransportError,
};

/// `connection_lost` resolves each time, with the same cause, until then. `disconnect` and `abort` forget the
/// loss, `cancel` does not.
pub async fn a_loss_while_idle_is_known_until_the_next_request_connects_again(harness: &dyn TransportHarness) {
    let (transport, mut service) = harness.start();
    nothing_is_lost(&*transport, "before there was a connection");
    for forgets_by in ["", "disconnect", "abort"] {
        let connection = connect(harness, &*transport, &mut *service).await;
        nothing_is_lost(&*transport, "on a connection that lasts");
        drop(connection);
        let first = lost(harness, &*transport).await;
        let cancelled = soon(harness, "`cancel` after a loss", transport.cancel()).await;
        cancelled.expect("`cancel` succeeds after a loss");
        let again = lost(harness, &*transport).await;
        assert_eq!(
            (again.kind(), again.to_string()),
            (first.kind(), first.to_string()),
            "each `connection_lost` resolves with the same cause"
        );
        match forgets_by {
            "disconnect" => {
                let disconnected = soon(harness, "`disconnect` after a loss", transport.disconnect()).await;
                disconnected.expect("`disconnect` succeeds after a loss");
            }
            "abort" => transport.abort(),
            _ => continue,
        }
        nothing_is_lost(&*transport, &format!("although `{forgets_by}` has forgotten the loss"));
    }
    let _connection = connect(harness, &*transport, &mut *service).await;
    nothing_is_lost(&*transport, "after the next request has connected again");
}

async fn lost(harness: &dyn TransportHarness, transport: &dyn PollingTransport) -> TransportError {
    soon(harness, "the loss of the connection", transport.connection_lost()).await
}

/// While the request is at the service, and while it connects. The next request connects again.
pub async fn a_loss_during_a_request_fails_it_as_lost(harness: &dyn TransportHarness) {
    let (transport, mut service, mut connection) = connected(harness).await;
    let device = device();
    let mut request = send(&*transport, &device, &Request::Register);
    arrival(harness, &mut request, &mut *connection).await;
    drop(connection);
    let error = soon(harness, "the end of the request", request)
        .await
        .expect_err("it fails");
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(Phase::Register)));
    assert_eq!(
        lost(harness, &*transport).await.kind(),
        ErrorKind::Lost,
        "the cause of the loss"
    );

    let mut request = send(&*transport, &device, &Request::Register);
    drop(during(harness, &mut request, "a connection", service.connection()).await);
    let error = soon(harness, "the end of the request", request)
        .await
        .expect_err("it fails");
    assert_eq!(
        error.phase(),
        Some(Phase::Connect),
        "a connection that ends before it is accepted: {error:?}"
    );
    nothing_is_lost(&*transport, "although the connection was never established");
    connect(harness, &*transport, &mut *service).await;
}

/// The error is `unauthorized`, in the phase `connect`, and is not the loss of a connection.
pub async fn a_refused_connection_fails_the_request_and_the_next_connects_again(harness: &dyn TransportHarness) {
    let (transport, mut service) = harness.start();
    let device = device();
    let mut request = send(&*transport, &device, &Request::Register);
    let mut connection = during(harness, &mut request, "a connection", service.connection()).await;
    connection.refuse().await;
    let outcome = soon(harness, "the end of the refused request", request).await;
    let error = outcome.expect_err("a request whose connection is refused fails");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Unauthorized, Some(Phase::Connect)),
        "the refusal of a credential: {error:?}"
    );
    closed(harness, &mut *connection).await;
    nothing_is_lost(&*transport, "although the connection was refused");
    connect(harness, &*transport, &mut *service).await;
}

/// The established connection is closed first.
pub async fn another_device_or_endpoint_gets_a_connection_of_its_own(harness: &dyn TransportHarness) {
    let id_scope = IdScope::new("0neFFFFFFFF").expect("an id scope");
    let host = Host::new("other.test").expect("a host");
    for other in [
        device_named("device-2"),
        RegistrationRequest::new(id_scope, device().registration_id().clone()),
        device().with_api_version(ApiVersion::new("2021-10-01").expect("a version")),
        device().with_endpoint(Endpoint::new(host)),
    ] {
        let (transport, mut service, mut before) = connected(harness).await;
        let mut request = send(&*transport, &other, &Request::Register);
        during(
            harness,
            &mut request,
            "the close of the connection for another request",
            before.closed(),
        )
        .await;
        let mut connection = accept(harness, &mut request, &mut *service).await;
        let received = arrival(harness, &mut request, &mut *connection).await;
        respond(harness, request, &mut *connection, &received).await;
    }
}

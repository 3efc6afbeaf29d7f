//! Requests that do not complete, and the calls that end them.

use super::{
    Connection, Received, Reply, Service, TransportHarness,
    drive::{
        InFlight, MOMENT, Step, accept, arrival, closed, connect, connected, device, exchange, is_cancelled,
        nothing_is_lost, now, query, respond, send, soon, stays_in_flight,
    },
};
use crate::transport::{PollingTransport, Request};

/// The next request can follow before the cancelled one has been polled, takes no response to it, and is not affected
/// by the `cancel` before.
pub async fn cancel_fails_the_request_and_keeps_the_connection(harness: &dyn TransportHarness) {
    let (transport, _service, mut connection) = connected(harness).await;
    soon(harness, "`cancel` while idle", transport.cancel())
        .await
        .expect("`cancel` succeeds while idle");
    let (device, query) = (device(), query());
    let mut cancelled = send(&*transport, &device, &Request::Register);
    let late = arrival(harness, &mut cancelled, &mut *connection).await;
    // The cancelled request is not polled here.
    soon(harness, "`cancel`", transport.cancel())
        .await
        .expect("`cancel` succeeds");
    let mut next = send(&*transport, &device, &query);
    let received = arrival(harness, &mut next, &mut *connection).await;
    is_cancelled(harness, cancelled).await;
    takes_no_late_response(harness, next, &mut *connection, &late, &received).await;
}

/// A request that is polled once, cancelled, and not polled again: unless it has arrived at the service by the time of
/// the `cancel`, it does not arrive any more, whatever the transport's tasks do meanwhile. (It may be on its way over a
/// network at that time; the harness delivers at once.)
pub async fn nothing_of_a_request_is_sent_after_cancel(harness: &dyn TransportHarness) {
    let (transport, _service, mut connection) = connected(harness).await;
    let (device, query) = (device(), query());
    for _ in 0..2 {
        let mut cancelled = send(&*transport, &device, &Request::Register);
        assert!(now(&mut cancelled).is_none(), "a request completes without a response");
        soon(harness, "`cancel`", transport.cancel())
            .await
            .expect("`cancel` succeeds");
        let before = now(connection.request());
        harness.sleep(MOMENT).await;
        let late = now(connection.request());
        assert!(
            late.is_none(),
            "a request reaches the service after `cancel` has returned: {late:?}"
        );
        let mut next = send(&*transport, &device, &query);
        let received = arrival(harness, &mut next, &mut *connection).await;
        assert_eq!(received.request, query, "the request after the cancelled one");
        is_cancelled(harness, cancelled).await;
        match before {
            Some(late) => takes_no_late_response(harness, next, &mut *connection, &late, &received).await,
            None => respond(harness, next, &mut *connection, &received).await,
        }
    }
}

/// The response to the request before arrives while `request` is in flight.
async fn takes_no_late_response(
    harness: &dyn TransportHarness,
    mut request: InFlight<'_>,
    connection: &mut dyn Connection,
    late: &Received,
    received: &Received,
) {
    connection.respond(late, &Reply::assigning("late")).await;
    stays_in_flight(harness, &mut request, "with a response to the request that ended").await;
    respond(harness, request, connection, received).await;
}

/// The connection that the cancelled request was making is closed. The next request makes another.
pub async fn cancel_closes_a_connection_that_is_being_made(harness: &dyn TransportHarness) {
    for step in Step::BOTH {
        let (transport, mut service) = harness.start();
        let device = device();
        let mut request = send(&*transport, &device, &Request::Register);
        let mut connection = step.reach(harness, &mut request, &mut *service).await;
        soon(harness, "`cancel`", transport.cancel())
            .await
            .expect("`cancel` succeeds");
        is_cancelled(harness, request).await;
        closed(harness, &mut *connection).await;
        connect(harness, &*transport, &mut *service).await;
    }
}

/// At each step. A request that was sent leaves the connection, and its response is discarded.
pub async fn a_dropped_request_does_not_harm_the_next(harness: &dyn TransportHarness) {
    let (device, query) = (device(), query());
    let (transport, mut service) = harness.start();
    for step in Step::BOTH {
        let mut dropped = send(&*transport, &device, &Request::Register);
        let mut connection = step.reach(harness, &mut dropped, &mut *service).await;
        drop(dropped);
        closed(harness, &mut *connection).await;
    }
    let mut connection = connect(harness, &*transport, &mut *service).await;

    // Before it is polled, it is not in flight.
    drop(send(&*transport, &device, &Request::Register));
    exchange(harness, &*transport, &mut *connection).await;
    for is_answered in [false, true] {
        let mut dropped = send(&*transport, &device, &Request::Register);
        let late = arrival(harness, &mut dropped, &mut *connection).await;
        if is_answered {
            connection.respond(&late, &Reply::assigning("unread")).await;
        }
        drop(dropped);
        let mut next = send(&*transport, &device, &query);
        let received = arrival(harness, &mut next, &mut *connection).await;
        takes_no_late_response(harness, next, &mut *connection, &late, &received).await;
    }
}

/// While connecting, while a request is at the service, and while idle; and a second call succeeds. A close by this
/// side is no loss.
pub async fn disconnect_closes_the_connection_and_fails_the_request(harness: &dyn TransportHarness) {
    ends_everything(harness, async |transport| {
        for call in ["`disconnect`", "a second `disconnect`"] {
            let outcome = soon(harness, call, transport.disconnect()).await;
            outcome.unwrap_or_else(|error| panic!("{call} fails: {error:?}"));
        }
    })
    .await;
}

/// After its first poll, at the same steps.
pub async fn a_dropped_disconnect_closes_the_connection_too(harness: &dyn TransportHarness) {
    ends_everything(harness, async |transport| drop(now(transport.disconnect()))).await;
}

/// An idle one.
pub async fn a_dropped_transport_closes_the_connection(harness: &dyn TransportHarness) {
    let (transport, _service, mut connection) = connected(harness).await;
    drop(transport);
    closed(harness, &mut *connection).await;
}

/// At the same steps as `disconnect`.
pub async fn abort_closes_the_connection_without_waiting(harness: &dyn TransportHarness) {
    ends_everything(harness, async |transport| transport.abort()).await;
}

async fn ends_everything(harness: &dyn TransportHarness, end: impl AsyncFn(&dyn PollingTransport)) {
    let (transport, mut service) = harness.start();
    let (transport, service): (&dyn PollingTransport, &mut dyn Service) = (&*transport, &mut *service);
    let device = device();
    // Without a connection, there is nothing to do.
    end(transport).await;

    for step in Step::BOTH {
        let mut request = send(transport, &device, &Request::Register);
        let mut connection = step.reach(harness, &mut request, service).await;
        end(transport).await;
        is_cancelled(harness, request).await;
        closed(harness, &mut *connection).await;
        nothing_is_lost(transport, "after the connection that was being made was closed");
    }

    let mut request = send(transport, &device, &Request::Register);
    let mut connection = accept(harness, &mut request, service).await;
    arrival(harness, &mut request, &mut *connection).await;
    end(transport).await;
    is_cancelled(harness, request).await;
    closed(harness, &mut *connection).await;
    nothing_is_lost(transport, "after this side closed the connection");

    let mut connection = connect(harness, transport, service).await;
    let mut lost = transport.connection_lost();
    assert!(
        now(&mut lost).is_none(),
        "`connection_lost` resolves while the connection lasts"
    );
    end(transport).await;
    closed(harness, &mut *connection).await;
    assert!(
        now(lost).is_none(),
        "`connection_lost` resolves although this side closed the connection"
    );
    connect(harness, transport, service).await;
}

//! Requests and responses on a connection that lasts.

use std::{fmt, sync::Mutex, time::Duration};

use super::{
    Presented, Reply, TransportHarness,
    drive::{
        accept, arrival, connected, device, device_named, during, exchange, now, query, respond, send, soon,
        stays_in_flight,
    },
};
use crate::{
    endpoint::Endpoint,
    error_kind::ErrorKind,
    host::Host,
    identity::ApiVersion,
    payload::Payload,
    response::Response,
    signing_request::CsrDer,
    transport::{ConnectionEvent, Progress, Request},
    transport_error::TransportError,
};

/// A request reports `Connecting` and then `Connected`, once each and before its response. The next one uses the
/// connection and reports nothing.
pub async fn the_first_request_connects_and_the_second_reuses_the_connection(harness: &dyn TransportHarness) {
    let (transport, mut service) = harness.start();
    let (events, device) = (Mutex::new(Vec::new()), device());
    let listener = |event| match event {
        ConnectionEvent::WaitingFor(_) => {}
        event => events.lock().expect("no panic").push(event),
    };
    let mut request = transport.send(&device, &Request::Register, Progress::new(&listener));
    let mut connection = accept(harness, &mut request, &mut *service).await;
    let received = arrival(harness, &mut request, &mut *connection).await;
    respond(harness, request, &mut *connection, &received).await;
    let reported = events.lock().expect("no panic").clone();
    assert!(
        matches!(&reported[..], [ConnectionEvent::Connecting { uri }, ConnectionEvent::Connected] if !uri.is_empty()),
        "a request reports `Connecting` and `Connected` before its response: {reported:?}"
    );
    let query = query();
    let mut request = transport.send(&device, &query, Progress::new(&listener));
    let received = arrival(harness, &mut request, &mut *connection).await;
    respond(harness, request, &mut *connection, &received).await;
    assert_eq!(
        events.into_inner().expect("no panic"),
        reported,
        "a request on the established connection reports nothing"
    );
}

/// The endpoint, the ids and the api-version of the connection are those of the registration request. The body is its
/// body, and a query has the operation id.
pub async fn a_request_carries_what_the_contract_says(harness: &dyn TransportHarness) {
    let (transport, mut service) = harness.start();
    let host = Host::new("conformance.test").expect("a host");
    // JSON that no serializer writes like this.
    let payload: Payload = r#"{"z": 1.0,  "a":["n\u00f6rd\/", "nörd"]}"#.parse().expect("JSON");
    let device = device_named("device-2")
        .with_endpoint(Endpoint::new(host.clone()))
        .with_api_version(ApiVersion::new("2021-10-01").expect("a version"))
        .with_payload(payload)
        .with_csr(CsrDer::new(vec![0x30, 0, 0xff]))
        .with_force_registration(true);
    let mut request = send(&*transport, &device, &Request::Register);
    let mut connection = during(harness, &mut request, "a connection", service.connection()).await;
    let presented = during(
        harness,
        &mut request,
        "the acceptance of the connection",
        connection.accept(),
    )
    .await;
    let expected = Presented {
        host,
        id_scope: device.id_scope().clone(),
        registration_id: device.registration_id().clone(),
        api_version: device.api_version(),
    };
    assert_eq!(presented, expected, "the connection is made as the request says");
    let received = arrival(harness, &mut request, &mut *connection).await;
    assert_eq!(received.request, Request::Register);
    assert_eq!(
        String::from_utf8_lossy(&received.body),
        device.body(),
        "the body is `RegistrationRequest::body`"
    );
    respond(harness, request, &mut *connection, &received).await;
    // The operation id is the service's: any text.
    let query = Request::Query {
        operation_id: "4.a b/#+&x=1?\u{e4}%2F".to_owned(),
    };
    let mut request = send(&*transport, &device, &query);
    let received = arrival(harness, &mut request, &mut *connection).await;
    assert_eq!(
        received.request, query,
        "the query names the operation, whatever its id"
    );
    respond(harness, request, &mut *connection, &received).await;
}

/// A response is what [`Response::from_service`] makes of it: 300 to 428 refuses, 429 and above asks to wait. The error
/// has the phase of the request. The connection stays.
pub async fn a_response_is_read_as_the_contract_says(harness: &dyn TransportHarness) {
    let (transport, _service, mut connection) = connected(harness).await;
    let (device, query) = (device(), query());
    let assigned = r#"{"operationId":"4.op","status":"assigned","registrationState":{"assignedHub":"hub.test"}}"#;
    for (status, body, seconds) in [
        (202, r#"{"operationId":"4.new","status":"assigning"}"#, Some(3)),
        (202, r#"{"status":"ASSIGNING"}"#, None),
        (200, assigned, None),
        (200, "no JSON", None),
        (300, assigned, None),
        (401, r#"{"errorCode":401002,"message":"Invalid certificate."}"#, None),
        (404, "", None),
        (428, "{}", Some(1)),
        (429, "{}", Some(7)),
        (503, "Service Unavailable", None),
    ] {
        for request in [&Request::Register, &query] {
            let reply = Reply {
                status,
                body: body.into(),
                retry_after: seconds.map(Duration::from_secs),
            };
            let mut sending = send(&*transport, &device, request);
            let received = arrival(harness, &mut sending, &mut *connection).await;
            connection.respond(&received, &reply).await;
            let outcome = soon(harness, "the response", sending).await;
            let expected =
                Response::from_service(status, reply.body.as_slice(), reply.retry_after, request.operation_id());
            let expected = expected.map_err(|error| essence(&error.in_phase(request.phase())));
            let outcome = outcome.map_err(|error| essence(&error));
            assert_eq!(outcome, expected, "the outcome of {request:?} after {reply:?}");
        }
    }
}

/// What counts of an error: its kind, its phase, and the service's status and body.
fn essence(error: &TransportError) -> impl PartialEq + fmt::Debug + use<> {
    (error.kind(), error.phase(), error.service().cloned())
}

/// The first response to a request counts. The transport discards others, then and during the next request.
pub async fn a_repeated_response_is_discarded(harness: &dyn TransportHarness) {
    let (transport, _service, mut connection) = connected(harness).await;
    let (device, query) = (device(), query());
    let mut request = send(&*transport, &device, &Request::Register);
    let answered = arrival(harness, &mut request, &mut *connection).await;
    let mut refusal = Reply::assigning("repeated");
    refusal.status = 404;
    connection.respond(&answered, &Reply::assigning("first")).await;
    connection.respond(&answered, &refusal).await;
    let outcome = soon(harness, "the response", request).await;
    let response = outcome.expect("the first response counts, not the second");
    assert_eq!(
        response.body(),
        Reply::assigning("first").body,
        "the first response counts"
    );
    let mut request = send(&*transport, &device, &query);
    let received = arrival(harness, &mut request, &mut *connection).await;
    connection.respond(&answered, &refusal).await;
    stays_in_flight(harness, &mut request, "with a response to the request before").await;
    respond(harness, request, &mut *connection, &received).await;
}

/// A request that is sent while another is in flight fails at once, at every step of the other.
pub async fn a_second_request_is_an_invalid_operation_and_the_first_is_not_affected(harness: &dyn TransportHarness) {
    let (transport, mut service) = harness.start();
    let (device, other, query) = (device(), device_named("device-2"), query());
    let second_is_refused = |step: &str| {
        for (device, request) in [(&device, &query), (&other, &Request::Register)] {
            let outcome = now(send(&*transport, device, request));
            let outcome = outcome.unwrap_or_else(|| panic!("a second request waits {step}"));
            let kind = outcome.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::InvalidOperation), "a second request {step}");
        }
    };
    let mut request = send(&*transport, &device, &Request::Register);
    let mut connection = during(harness, &mut request, "a connection", service.connection()).await;
    second_is_refused("while the first connects");
    during(
        harness,
        &mut request,
        "the acceptance of the connection",
        connection.accept(),
    )
    .await;
    let received = arrival(harness, &mut request, &mut *connection).await;
    second_is_refused("while the first is at the service");
    respond(harness, request, &mut *connection, &received).await;
    exchange(harness, &*transport, &mut *connection).await;
}

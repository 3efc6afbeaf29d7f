//! The requirements of the MQTT transport, row by row: what holds for both requests is written once, here.

mod cancel;
mod connection;
mod disconnect;
mod query;
mod registration;

use mockall::{Sequence, predicate::eq};
use provisioning_types::{ErrorCode, ErrorKind, Phase, Response, TransportError};
use test_support::settle;

use crate::support::{
    bodies::{ASSIGNING, INVALID_CERTIFICATE},
    device::{Asked, Device, request},
    mocks::{self, MockMqttSession, Mocked},
    peer::{ANSWERS, answer_topic},
};

/// What the request comes to when the service answers so; `status` may have a query's further keys behind it.
async fn answered(asked: Asked, status: &'static str, body: &'static str) -> Result<Response, TransportError> {
    let mocked = Mocked::default();
    let mut session = mocks::session();
    session.expect_publish().returning(mocked.answering(status, body));
    asked.of(&mocked.transport(session), &request()).await
}

/// The first request connects and subscribes before it publishes, the second only publishes.
async fn connects_and_subscribes_first(asked: Asked) {
    let (mocked, mut order) = (Mocked::default(), Sequence::new());
    let mut session = MockMqttSession::new();
    session
        .expect_subscribe()
        .with(eq(ANSWERS))
        .once()
        .in_sequence(&mut order)
        .returning(|_| Ok(()));
    session
        .expect_publish()
        .times(2)
        .in_sequence(&mut order)
        .returning(mocked.answering("202", ASSIGNING));
    let transport = mocked.transport(session);
    for _ in 0..2 {
        asked.of(&transport, &request()).await.expect("an answer");
    }
    assert_eq!(mocked.given().len(), 1);
}

/// A publication that fails fails the request with its error.
async fn fails_as_its_publication_does(asked: Asked, phase: Phase) {
    let mut session = mocks::session();
    session
        .expect_publish()
        .once()
        .returning(|_, _| Err(TransportError::new(ErrorKind::Lost, "the wire was cut")));
    let transport = Mocked::default().transport(session);
    let error = asked.of(&transport, &request()).await.expect_err("no answer");
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(phase)));
    assert_eq!(error.to_string(), "the wire was cut");
}

/// Of everything that arrives only the message with the request's id on an answer's topic counts.
async fn takes_its_own_answer_only(asked: Asked) {
    let (device, mut peer) = Device::connected().await;
    let call = device.ask(asked, request());
    let request = peer.request().await;
    let id = &request.id;
    for topic in [
        answer_topic("200", "another"),
        answer_topic("200", ""),
        answer_topic("200", &id[1..]),
        answer_topic("200", &format!("{id}0")),
        format!("$dps/registrations/res/200/?x={id}"),
        format!("$dps/registrations/res/200?$rid={id}"),
        format!("$dps/registrations/PUT/iotdps-register/?$rid={id}"),
        format!("devices/res/200/?$rid={id}"),
    ] {
        peer.publish(&topic, INVALID_CERTIFICATE).await;
    }
    settle().await;
    assert!(!call.is_finished(), "it took a message that is not its answer");
    peer.answer(&request, "202", ASSIGNING).await;
    assert_eq!(call.success().await.body(), ASSIGNING.as_bytes());
}

/// Statuses from 300 to 428 are refusals, under the kind of the status and with the status in the source.
async fn is_refused_from_300_to_428(asked: Asked, phase: Phase) {
    for (status, kind) in [
        ("300", ErrorKind::Refused),
        ("400", ErrorKind::BadRequest),
        ("401", ErrorKind::Unauthorized),
        ("404", ErrorKind::NotFound),
        ("409", ErrorKind::Conflict),
        ("428", ErrorKind::Refused),
    ] {
        for body in ["", "no", ASSIGNING, INVALID_CERTIFICATE] {
            let error = answered(asked, status, body).await.expect_err(status);
            assert_eq!((error.kind(), error.phase()), (kind, Some(phase)), "{status}");
            let service = error.service().expect("what the service said");
            assert_eq!(service.status().to_string(), status);
            assert_eq!(service.body(), body.as_bytes());
        }
    }
}

/// The error of the request has what the service said.
async fn hands_on_what_the_service_said(asked: Asked) {
    let error = answered(asked, "401", INVALID_CERTIFICATE).await.expect_err("refused");
    let service = error.service().expect("what the service said");
    assert_eq!(service.error_code(), Some(ErrorCode::InvalidCredential));
    assert_eq!(service.tracking_id(), Some("8ad0463c"));
    assert_eq!(service.message(), Some("Invalid certificate."));
    assert_eq!(service.timestamp(), Some("2020-04-10T05:24:22.4718526Z"));
}

/// The wait that the answer asks for is handed on in every answer; without one it is left to the default.
async fn hands_on_retry_after(asked: Asked) {
    use std::time::Duration;
    for (status, wait) in [
        ("202&retry-after=3", Some(Duration::from_secs(3))),
        ("202&Retry-After=120", Some(Duration::from_secs(120))),
        ("200&retry-after=3", Some(Duration::from_secs(3))),
        ("429&retry-after=7", Some(Duration::from_secs(7))),
        ("503&retry-after=7", Some(Duration::from_secs(7))),
        ("202", None),
        ("202&retry-after=soon", None),
        ("429", None),
    ] {
        let answer = answered(asked, status, ASSIGNING).await.expect(status);
        assert_eq!(answer.retry_after(), wait, "{status}");
    }
}

/// Before CONNACK there is nothing to say; after it MQTT's own farewell is due.
async fn closes_a_half_made_connection_and_ends_the_request(end: impl AsyncFn(&Device)) {
    for asked in Asked::BOTH {
        let device = Device::new();
        let call = device.ask(asked, request());
        let mut before_connack = device.peer().await;
        before_connack.packet().await;
        end(&device).await;
        assert_eq!(call.error().await.kind(), ErrorKind::Cancelled);
        before_connack.closed().await;

        let call = device.ask(asked, request());
        let mut subscribing = device.peer().await;
        subscribing.accept().await;
        subscribing.subscription().await;
        end(&device).await;
        assert_eq!(call.error().await.kind(), ErrorKind::Cancelled);
        subscribing.disconnected().await;
    }
}

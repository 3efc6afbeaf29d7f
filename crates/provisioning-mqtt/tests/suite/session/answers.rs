//! Answers: in any order relative to acknowledgements, in any shape.

use std::time::Duration;

use provisioning_types::{ErrorKind, Phase, RegistrationStatus, Response, TransportError};
use rumqttc::{Packet, PubAck, Publish, QoS};
use serde_json::json;
use test_support::settle;

use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Asked, Device, request},
    peer::{answer_topic, encoded, publish},
};

#[tokio::test(start_paused = true)]
async fn an_answer_counts_before_its_puback() {
    let (device, mut peer) = Device::connected().await;
    for asked in Asked::BOTH {
        let call = device.ask(asked, request());
        let request = peer.request().await;
        peer.answer(&request, "202", ASSIGNING).await;
        assert_eq!(*call.success().await.status(), RegistrationStatus::Assigning);
        peer.acknowledge(&request).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_after_its_puback_and_the_puback_alone_is_no_answer() {
    let (device, mut peer) = Device::connected().await;
    for asked in Asked::BOTH {
        let call = device.ask(asked, request());
        let request = peer.request().await;
        peer.acknowledge(&request).await;
        settle().await;
        assert!(!call.is_finished());
        peer.answer(&request, "202", ASSIGNING).await;
        assert_eq!(*call.success().await.status(), RegistrationStatus::Assigning);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_count_whose_requests_are_never_acknowledged() {
    let (device, mut peer) = Device::connected().await;
    for _ in 0..20 {
        let query = device.query("4.op");
        let request = peer.request().await;
        peer.answer(&request, "202", ASSIGNING).await;
        assert_eq!(*query.success().await.status(), RegistrationStatus::Assigning);
    }
}

#[tokio::test(start_paused = true)]
async fn a_packet_id_that_is_not_acknowledged_is_not_used_again() {
    let (device, mut peer) = Device::connected().await;
    let mut used = Vec::new();
    for turn in 0..40 {
        let query = device.query("4.op");
        let request = peer.request().await;
        assert!(request.packet_id != 0 && !used.contains(&request.packet_id));
        if turn % 2 == 0 {
            peer.acknowledge(&request).await;
        } else {
            used.push(request.packet_id);
        }
        peer.answer(&request, "202", ASSIGNING).await;
        query.success().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_qos_0_counts() {
    let (device, mut peer) = Device::connected().await;
    let register = device.register();
    let request = peer.request().await;
    let answer = Publish::new(answer_topic("202", &request.id), QoS::AtMostOnce, ASSIGNING);
    peer.send(Packet::Publish(answer)).await;
    assert_eq!(*register.success().await.status(), RegistrationStatus::Assigning);
    // It is not acknowledged: that would be the next packet.
    let _query = device.query("4.op");
    peer.request().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_answer_again_is_acknowledged_and_ignored() {
    let (device, mut peer) = Device::connected().await;
    let first = device.register();
    let answered = peer.request().await;
    peer.answer(&answered, "202", ASSIGNING).await;
    first.success().await;
    peer.answer(&answered, "202", ASSIGNING).await;
    let second = device.query("4.op");
    let request = peer.request().await;
    peer.answer(&answered, "200", ASSIGNED).await;
    settle().await;
    assert!(!second.is_finished(), "it took the answer to another request");
    peer.answer(&request, "202", ASSIGNING).await;
    assert_eq!(*second.success().await.status(), RegistrationStatus::Assigning);
}

#[tokio::test(start_paused = true)]
async fn of_two_answers_to_one_request_the_first_counts() {
    let (device, mut peer) = Device::connected().await;
    let call = device.register();
    let request = peer.request().await;
    let mut both = encoded(&publish(&answer_topic("202", &request.id), 1, ASSIGNING));
    both.extend(encoded(&publish(&answer_topic("401", &request.id), 2, "")));
    peer.send_bytes(&both).await;
    assert_eq!(*call.success().await.status(), RegistrationStatus::Assigning);
    assert_eq!(peer.packet().await, Packet::PubAck(PubAck::new(1)));
    assert_eq!(peer.packet().await, Packet::PubAck(PubAck::new(2)));
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_nobody_asks_is_acknowledged() {
    let (_device, mut peer) = Device::connected().await;
    for topic in ["$dps/registrations/res/200/?$rid=1", "somewhere/else"] {
        // `publish` waits for the acknowledgement.
        peer.publish(topic, ASSIGNED).await;
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_seconds_in_any_case_and_nothing_else() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (query, expected) in [
        ("retry-after=3", seconds(3)),
        ("RETRY-AFTER=3", seconds(3)),
        ("x=1&Retry-After=3&y=2", seconds(3)),
        ("retry-after=0", seconds(0)),
        ("retry-after=-1", seconds(0)),
        ("retry-after=-0.0", seconds(0)),
        ("retry-after=1.5", Some(Duration::from_millis(1500))),
        ("retry-after=1000000000000", seconds(1_000_000_000_000)),
        ("retry-after=1e300", Some(Duration::MAX)),
        ("retry-after=NaN", None),
        ("retry-after=inf", None),
        ("retry-after=-inf", None),
        ("retry-after=Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("retry-after=", None),
        ("retry-after", None),
        ("x=1", None),
    ] {
        for asked in Asked::BOTH {
            let status = format!("202&{query}");
            let answer = answered(asked, &status, ASSIGNING).await.expect(query);
            assert_eq!(answer.retry_after(), expected, "{query}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_never_remembered_for_the_next_answer() {
    let (device, mut peer) = Device::connected().await;
    for (status, expected) in [("202&retry-after=3", Some(Duration::from_secs(3))), ("202", None)] {
        let query = device.query("4.op");
        let request = peer.request().await;
        peer.answer(&request, status, ASSIGNING).await;
        assert_eq!(query.success().await.retry_after(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_none_is_an_unexpected_response_that_shows_the_topic() {
    for status in ["abc", "99999", "-1", "200.0", ""] {
        for asked in Asked::BOTH {
            let error = answered(asked, status, ASSIGNED).await.expect_err(status);
            assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{status}");
            let topic = format!("$dps/registrations/res/{status}/?$rid=");
            assert!(error.to_string().contains(&topic), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_above_8_bits_is_read_whole() {
    // 200 + 256, which 8 bits would take for 200.
    let answer = answered(Asked::Register, "456", ASSIGNED).await.expect("an answer");
    assert_eq!(
        (answer.status_code(), answer.status().clone()),
        (456, RegistrationStatus::Registering)
    );
    let answer = answered(Asked::Register, "1000", ASSIGNED).await.expect("an answer");
    assert_eq!(
        (answer.status_code(), answer.status().clone()),
        (1000, RegistrationStatus::Registering)
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_is_utf_8() {
    let body = r#"{"status":"assigned","registrationState":{"payload":"Grüße, 世界"}}"#;
    let answer = answered(Asked::Register, "200", body).await.expect("an answer");
    assert_eq!(answer.body(), body.as_bytes());
    assert_eq!(answer.registration_state().payload(), Some(&json!("Grüße, 世界")));
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_shown_shortened() {
    let status = "x".repeat(60_000);
    let error = answered(Asked::Register, &status, "").await.expect_err("no status");
    assert!(error.to_string().len() < 300, "{} bytes", error.to_string().len());
}

/// Bodies that hold no answer.
const NO_ANSWERS: [&[u8]; 7] = [
    b"",
    b"Service Unavailable",
    b"{\"status\":\"\xff\"}",
    b"{",
    b"[]",
    b"{}",
    b"{\"status\":7}",
];

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_answer_is_an_unexpected_response_below_300() {
    for body in NO_ANSWERS {
        for asked in Asked::BOTH {
            let error = answered(asked, "202", body).await.expect_err("no answer");
            assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
            assert_eq!(error.phase(), Some(phase(asked)));
            let service = error.service().expect("what the service said");
            assert_eq!((service.status(), service.body()), (202, body));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_answer_does_not_hide_a_refusal() {
    for body in NO_ANSWERS {
        for asked in Asked::BOTH {
            let error = answered(asked, "404", body).await.expect_err("refused");
            assert_eq!((error.kind(), error.phase()), (ErrorKind::NotFound, Some(phase(asked))));
            assert_eq!(error.service().expect("what the service said").body(), body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_answer_does_not_hide_that_the_service_throttles() {
    for body in NO_ANSWERS {
        let answer = answered(Asked::Register, "429", body).await.expect("an answer");
        assert_eq!(
            (answer.status().clone(), answer.operation_id().map(str::to_owned)),
            (RegistrationStatus::Registering, None)
        );
        let answer = answered(Asked::QUERY, "503", body).await.expect("an answer");
        let known = Some("4.op".to_owned());
        assert_eq!(answer.body(), body);
        assert_eq!(
            (answer.status().clone(), answer.operation_id().map(str::to_owned)),
            (RegistrationStatus::Assigning, known)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_says_nothing_but_its_topic() {
    let (device, mut peer) = Device::connected().await;
    let request = request().with_payload(json!({"secret": 1}));
    let _query = device.ask(Asked::QUERY, request);
    assert_eq!(peer.request().await.body, b"");
}

#[tokio::test(start_paused = true)]
async fn a_strange_operation_id_neither_breaks_the_topic_nor_adds_to_it() {
    let (device, mut peer) = Device::connected().await;
    let _query = device.query("a b/#+&x=1?\u{0}ä%");
    let request = peer.request().await;
    let expected = format!(
        "$dps/registrations/GET/iotdps-get-operationstatus/?$rid={}&operationId=a%20b%2F%23%2B%26x%3D1%3F%00%C3%A4%25",
        request.id
    );
    assert_eq!(request.topic, expected);
}

#[tokio::test(start_paused = true)]
async fn an_operation_id_that_no_topic_can_hold_is_an_unexpected_response() {
    let (device, mut peer) = Device::connected().await;
    let error = device.query("x".repeat(66_000).leak()).error().await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::UnexpectedResponse, Some(Phase::Poll))
    );
    // The connection is none the worse for it, and the longest that fits is sent.
    let longest =
        usize::from(u16::MAX) - "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=&operationId=".len() - 32;
    let query = device.query("x".repeat(longest).leak());
    let request = peer.request().await;
    assert_eq!(request.topic.len(), usize::from(u16::MAX));
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
}

fn phase(asked: Asked) -> Phase {
    match asked {
        Asked::Register => Phase::Register,
        Asked::Query(_) => Phase::Poll,
    }
}

/// What a request on a new connection comes to when the service answers so.
async fn answered(asked: Asked, status: &str, body: impl Into<Vec<u8>>) -> Result<Response, TransportError> {
    let (device, mut peer) = Device::connected().await;
    let call = device.ask(asked, request());
    let request = peer.request().await;
    peer.answer(&request, status, body).await;
    call.outcome().await
}

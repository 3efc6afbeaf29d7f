//! What a lenient codec or a patient server passes over, and what the service's own words look like.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use provisioning_emulator::{Port, Security};
use rumqttc::{Connect, ConnectReturnCode, Packet, QoS, Subscribe};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    ANSWERS, Device, connect_bytes, connect_packet, exchange, in_memory, notes, packet, plain, register_topic, text,
    user_name,
};

#[tokio::test(start_paused = true)]
async fn mqtt_5_is_answered_with_another_protocol_level() {
    let emulator = in_memory();
    // Once in the form of 3.1.1, and once with the properties that MQTT 5 has before the client id.
    let real = [
        &text("MQTT")[..],
        &[5, 0x82, 0, 0, 0],
        &text("d"),
        &text(&user_name("d")),
    ]
    .concat();
    for bytes in [connect_bytes("MQTT", 5, 0x82), packet(0x10, &real)] {
        assert_eq!(exchange(plain(&emulator), &bytes).await, [0x20, 2, 0, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_packets_that_the_codec_ignores_end_the_connection() {
    let filter = text(ANSWERS);
    for (what, bytes) in [
        (
            "reserved bits of a filter",
            packet(0x82, &[&[0, 1], &filter[..], &[0x41]].concat()),
        ),
        ("UNSUBSCRIBE from nothing", packet(0xA2, &[0, 1])),
        ("PINGREQ with a body", packet(0xC0, &[1, 2])),
        ("DISCONNECT with a body", packet(0xE0, &[1, 2])),
        ("PUBACK with more", packet(0x40, &[0, 1, 0])),
        (
            "a duplicate of QoS 0",
            packet(0x38, &[&text(&register_topic("1"))[..], b"{}"].concat()),
        ),
        (
            "a null character in a filter",
            packet(0x82, &[&[0, 1], &text("a\0")[..], &[1]].concat()),
        ),
        (
            "an empty filter",
            packet(0x82, &[&[0, 1], &text("")[..], &[1]].concat()),
        ),
    ] {
        let emulator = in_memory();
        let mut device = Device::accepted(plain(&emulator), "d").await;
        device.send_bytes(&bytes).await;
        device.is_closed().await;
        assert_ne!(notes(&emulator, "close"), ["DISCONNECT"], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_with_more_or_less_than_its_flags_say_is_not_accepted() {
    let connect = |flags: u8, tail: &[u8]| {
        packet(
            0x10,
            &[&text("MQTT")[..], &[4, flags, 0, 0], &text("d")[..], tail].concat(),
        )
    };
    let user_name = text(&user_name("d"));
    for (what, bytes) in [
        ("bytes at the end", connect(0x82, &[&user_name[..], &[0, 0]].concat())),
        ("an empty password", connect(0xC2, &[&user_name[..], &[0, 0]].concat())),
        ("a password without a user name", connect(0x42, &text("x"))),
    ] {
        let emulator = in_memory();
        let answered = exchange(plain(&emulator), &bytes).await;
        assert!(!answered.starts_with(&[0x20, 2, 0, 0]), "{what}: {answered:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_registration_id_is_a_bad_user_name() {
    for id in ["a b", "a.", "a/b", &"x".repeat(129)] {
        let emulator = in_memory();
        let mut device = Device::over(plain(&emulator));
        assert_eq!(
            device.connect(connect_packet(id)).await,
            ConnectReturnCode::BadUserNamePassword,
            "{id}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_id_comes_back_as_it_was_sent() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    let answer = device
        .request(&register_topic("a%26b%23"), r#"{"registrationId":"d"}"#)
        .await;
    assert_eq!(answer.topic, "$dps/registrations/res/202/?$rid=a%26b%23&retry-after=3");
}

#[tokio::test(start_paused = true)]
async fn answers_have_no_more_quality_of_service_than_was_granted() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    let mut subscribe = Subscribe::new(ANSWERS, QoS::AtMostOnce);
    subscribe.pkid = 3;
    device.send(Packet::Subscribe(subscribe)).await;
    device.receive().await;
    device.publish(&register_topic("1"), r#"{"registrationId":"d"}"#).await;
    device.receive().await;
    assert!(matches!(device.receive().await, Packet::Publish(answer) if answer.qos == QoS::AtMostOnce));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_has_the_service_s_form_and_is_the_same_when_queried_again() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    let first = device.register("d").await;
    let id = first.body["operationId"].as_str().expect("an id");
    let done = device.query(id).await.body;
    let state = &done["registrationState"];
    assert!(state["x509"]["enrollmentGroupId"].is_string(), "{state}");
    let etag = STANDARD
        .decode(state["etag"].as_str().expect("an etag"))
        .expect("base64");
    assert!(etag.starts_with(b"\"") && etag.ends_with(b"\""), "{etag:?}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(device.query(id).await.body, done);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_reads_nothing_is_disconnected() {
    let emulator = in_memory();
    let mut device = Device::over(emulator.connect(Port::Mqtt, Security::Plain, 1024));
    let connect = Connect {
        keep_alive: 10,
        ..connect_packet("d")
    };
    assert_eq!(device.connect(connect).await, ConnectReturnCode::Success);
    // Neither side has room left for more.
    let pings = [0xC0, 0].repeat(4_000);
    timeout(Duration::from_secs(1), device.send_bytes(&pings))
        .await
        .expect_err("a full link");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        notes(&emulator, "refused"),
        ["the peer did not take what was sent within 10 s"]
    );
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_silent_devices() {
    let emulator = in_memory();
    let silent = plain(&emulator);
    sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    emulator.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_does_not_arrive_times_out() {
    let emulator = in_memory();
    let stream = emulator.connect(Port::WebSocket, Security::Plain, 1024);
    assert!(
        exchange(stream, b"GET / HTTP/1.1\r\n")
            .await
            .starts_with(b"HTTP/1.1 408 ")
    );
    let silent = emulator.connect(Port::WebSocket, Security::Plain, 1024);
    assert_eq!(exchange(silent, b"").await, [0; 0]);
    assert_eq!(
        notes(&emulator, "websocket"),
        [
            "the head of the request was not complete in time: within 10 s",
            "no request arrived within 10 s"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_http_is_a_bad_request() {
    let emulator = in_memory();
    let stream = emulator.connect(Port::WebSocket, Security::Plain, 4096);
    let answered = exchange(stream, b"GET / HTTP/9\r\nHost: a\r\n\r\n").await;
    assert!(
        answered.starts_with(b"HTTP/1.1 400 "),
        "{}",
        String::from_utf8_lossy(&answered)
    );
}

#[tokio::test(start_paused = true)]
async fn a_websocket_ends_with_close_in_both_directions() {
    let emulator = in_memory();
    let mut socket = crate::websocket::connected(&emulator).await;
    futures_util::SinkExt::send(
        &mut socket,
        tokio_tungstenite::tungstenite::Message::binary(packet(0xE0, &[])),
    )
    .await
    .expect("sent");
    assert!(matches!(socket.next().await, Some(Ok(message)) if message.is_close()));
    assert!(socket.next().await.is_none(), "no error");
}

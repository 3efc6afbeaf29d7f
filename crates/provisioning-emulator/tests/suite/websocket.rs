//! MQTT over WebSocket: the upgrade and its checks, frames and packets, and the end.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use provisioning_emulator::{Cut, Effect, Emulator, Fault, Link, Port, Security, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, StatusCode},
    },
};

use crate::support::{connect_bytes, http, in_memory, notes, packet};

/// Nothing takes longer than this: a message that never comes fails the test.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) type Socket = WebSocketStream<Link>;

async fn upgrade(emulator: &Emulator, path: &str, protocol: Option<&'static str>) -> Result<Socket, StatusCode> {
    let mut request = format!("ws://localhost{path}")
        .into_client_request()
        .expect("a request");
    if let Some(protocol) = protocol {
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(protocol));
    }
    let stream = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
    match client_async(request, stream).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "mqtt");
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status()),
        Err(other) => panic!("{other}"),
    }
}

/// The bytes of the next binary message.
pub(crate) async fn receive(socket: &mut Socket) -> Bytes {
    match next(socket).await {
        Some(Ok(Message::Binary(bytes))) => bytes,
        other => panic!("not a binary message: {other:?}"),
    }
}

/// The next message, or the end; one of them comes in time.
async fn next(socket: &mut Socket) -> Option<Result<Message, Error>> {
    tokio::time::timeout(LIMIT, socket.next()).await.expect("in time")
}

pub(crate) async fn send(socket: &mut Socket, bytes: Vec<u8>) {
    socket.send(Message::binary(bytes)).await.expect("sent");
}

/// The status of an upgrade that is refused.
pub(crate) async fn refused(emulator: &Emulator) -> StatusCode {
    upgrade(emulator, "/", Some("mqtt")).await.expect_err("a refusal")
}

/// Upgraded, and connected as the device `d`.
pub(crate) async fn connected(emulator: &Emulator) -> Socket {
    let mut socket = upgrade(emulator, "/$iothub/websocket", Some("mqtt"))
        .await
        .expect("an upgrade");
    socket
        .send(Message::binary(connect_bytes("MQTT", 4, 0x82)))
        .await
        .expect("sent");
    assert_eq!(receive(&mut socket).await[..], [0x20, 2, 0, 0]);
    socket
}

#[tokio::test(start_paused = true)]
async fn both_paths_are_accepted_and_others_are_not_found() {
    let emulator = in_memory();
    for path in [
        "/$iothub/websocket",
        "/",
        "",
        "/$iothub/websocket?iothub-no-client-cert=true",
    ] {
        upgrade(&emulator, path, Some("mqtt"))
            .await
            .unwrap_or_else(|status| panic!("{path}: {status}"));
    }
    for path in ["/other", "/$iothub/websocket/more", "/$iothub"] {
        assert_eq!(
            upgrade(&emulator, path, Some("mqtt")).await.err(),
            Some(StatusCode::NOT_FOUND),
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_sub_protocol_mqtt_is_required() {
    let emulator = in_memory();
    for protocol in [None, Some("mqttv5"), Some("amqp, http")] {
        let refused = upgrade(&emulator, "/$iothub/websocket", protocol).await.err();
        assert_eq!(refused, Some(StatusCode::BAD_REQUEST), "{protocol:?}");
    }
    // tungstenite's client compares the answer with what it offered as a whole, so this is asked for by hand.
    let mut stream = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
    let request = http::upgrade("/", "amqp, mqtt");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 512];
    let length = stream.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]).to_ascii_lowercase();
    assert!(
        answer.starts_with("http/1.1 101 ") && answer.contains("sec-websocket-protocol: mqtt\r\n"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_packet_may_span_frames_and_a_frame_may_hold_packets() {
    let emulator = in_memory();
    let mut socket = upgrade(&emulator, "/", Some("mqtt")).await.expect("an upgrade");
    for byte in connect_bytes("MQTT", 4, 0x82) {
        socket.send(Message::binary(vec![byte])).await.expect("sent");
    }
    assert_eq!(receive(&mut socket).await[..], [0x20, 2, 0, 0]);
    socket.send(Message::binary([0xC0, 0].repeat(3))).await.expect("sent");
    let mut answered = Vec::new();
    while answered.len() < 6 {
        answered.extend_from_slice(&receive(&mut socket).await);
    }
    assert_eq!(answered, [0xD0, 0].repeat(3));
}

#[tokio::test(start_paused = true)]
async fn a_websocket_ping_is_answered() {
    let emulator = in_memory();
    let mut socket = connected(&emulator).await;
    socket
        .send(Message::Ping(Bytes::from_static(b"a")))
        .await
        .expect("sent");
    let pong = next(&mut socket).await.expect("an answer").expect("a message");
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"a")));
}

#[tokio::test(start_paused = true)]
async fn disconnect_is_followed_by_a_close_frame() {
    let emulator = in_memory();
    let mut socket = connected(&emulator).await;
    socket.send(Message::binary(packet(0xE0, &[]))).await.expect("sent");
    assert!(matches!(next(&mut socket).await, Some(Ok(Message::Close(_)))));
}

#[tokio::test(start_paused = true)]
async fn invalid_mqtt_is_followed_by_a_close_frame() {
    let emulator = in_memory();
    let mut socket = connected(&emulator).await;
    socket.send(Message::binary(packet(0xD0, &[]))).await.expect("sent");
    assert!(matches!(next(&mut socket).await, Some(Ok(Message::Close(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_text_message_ends_the_connection() {
    let emulator = in_memory();
    let mut socket = connected(&emulator).await;
    socket.send(Message::text("hello")).await.expect("sent");
    let end = next(&mut socket).await;
    assert!(
        !matches!(end, Some(Ok(Message::Binary(_) | Message::Text(_)))),
        "{end:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_cut_off_ends_without_a_panic() {
    let emulator = in_memory();
    let close = Effect::Close(Cut::AfterSent(200));
    emulator.inject(Fault::new(close, Step::Upgrade).expect("a fault"));
    let mut socket = connected(&emulator).await;
    for _ in 0..20 {
        if socket.send(Message::binary(packet(0xC0, &[]))).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(LIMIT).await;
    assert_eq!(notes(&emulator, "close").len(), 1);
    assert_eq!(notes(&emulator, "panic"), [""; 0]);
}

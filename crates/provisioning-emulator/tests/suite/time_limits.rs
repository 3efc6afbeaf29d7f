//! A peer that takes no answer, or takes it one byte a second, is cut off; so is one that sends a head or a body slowly.

use std::time::Duration;

use futures_util::SinkExt;
use provisioning_emulator::{Emulator, Link, Port, Security};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use tokio_tungstenite::tungstenite::Message;

use crate::{
    support::{
        Device, ID_SCOPE,
        http::Call,
        in_memory, notes,
        tls::{BOTH, connect, connector},
    },
    websocket::connected,
};

/// A call of each port that carries HTTP.
fn calls(emulator: &Emulator) -> [(Port, String); 3] {
    let registration = format!("/{ID_SCOPE}/registrations/d/register?api-version=2021-06-01");
    let body = r#"{"registrationId":"d"}"#;
    let length = body.len();
    [
        (Port::Control, Call::new(emulator, "GET", "/nothing").text()),
        (Port::Page, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()),
        (
            Port::WebSocket,
            format!("PUT {registration} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"),
        ),
    ]
}

/// A connection with room for 16 bytes each way, on which this has been sent.
async fn asked(emulator: &Emulator, port: Port, request: &str) -> Link {
    let mut link = emulator.connect(port, Security::Plain, 16);
    let sent = timeout(Duration::from_secs(5), link.write_all(request.as_bytes())).await;
    sent.expect("in time").expect("sent");
    link
}

#[tokio::test(start_paused = true)]
async fn an_http_caller_that_takes_no_answer_is_cut_off_after_10_seconds() {
    let emulator = in_memory();
    for (port, request) in calls(&emulator) {
        let mut link = asked(&emulator, port, &request).await;
        sleep(Duration::from_secs(9)).await;
        link.write_all(b"x")
            .await
            .unwrap_or_else(|error| panic!("{port}: cut off early: {error}"));
        sleep(Duration::from_secs(5)).await;
        link.write_all(b"x").await.expect_err("cut off");
        let mut taken = vec![];
        link.read_to_end(&mut taken).await.expect("the end");
        assert_eq!(taken.len(), 16, "{port}: what had room");
    }
    let refused = "the peer did not take what was sent within 10 s";
    assert_eq!(notes(&emulator, "refused"), [refused; 3]);
}

#[tokio::test(start_paused = true)]
async fn an_http_caller_that_takes_one_byte_a_second_is_cut_off() {
    let emulator = in_memory();
    for (port, request) in calls(&emulator) {
        let mut link = asked(&emulator, port, &request).await;
        let start = Instant::now();
        while link.read_u8().await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        let (least, most) = (Duration::from_secs(10), Duration::from_secs(30));
        assert!(
            (least..most).contains(&start.elapsed()),
            "{port}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_http_connection_without_a_further_call_is_closed() {
    let emulator = in_memory();
    for (port, request) in calls(&emulator) {
        let request = request.replace("Connection: close\r\n", "");
        // With room for the whole answer, nobody can tell whether it is read.
        let mut link = emulator.connect(port, Security::Plain, 1024 * 1024);
        link.write_all(request.as_bytes()).await.expect("room");
        let start = Instant::now();
        link.read_to_end(&mut vec![]).await.expect("the end");
        let (least, most) = (Duration::from_secs(10), Duration::from_secs(13));
        assert!(
            (least..most).contains(&start.elapsed()),
            "{port}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_http_caller_that_takes_an_answer_slowly_but_in_time_gets_all_of_it() {
    let emulator = in_memory();
    for (port, request) in calls(&emulator) {
        let request = request.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n");
        let mut link = asked(&emulator, port, &request).await;
        sleep(Duration::from_secs(9)).await;
        let mut answer = String::new();
        link.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{port}: {head}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_takes_no_packets_is_cut_off_over_tls_and_over_a_websocket_too() {
    let emulator = in_memory();
    let identity = emulator.issue_device("d").expect("a certificate");
    let link = emulator.connect(Port::Mqtt, Security::Tls, 4096);
    let device = connector(emulator.ca_pem(), Some(&identity), &BOTH);
    let stream = connect(&device, "localhost", link).await.expect("TLS");
    let mut stream = Device::accepted(stream, "d").await.into_stream();
    let pings = [0xC0, 0].repeat(1000);
    let start = Instant::now();
    // The emulator stops reading, and ends.
    while within_a_minute(stream.write_all(&pings)).await.is_ok() {}
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());

    let mut socket = connected(&emulator).await;
    let start = Instant::now();
    while within_a_minute(socket.send(Message::binary(pings.clone())))
        .await
        .is_ok()
    {}
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(
        notes(&emulator, "refused"),
        ["the peer did not take what was sent within 10 s"; 2]
    );
}

async fn within_a_minute<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("in time")
}

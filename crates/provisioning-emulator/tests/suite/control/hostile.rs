//! Whatever is sent, an answer or a close comes, in time, and the next caller is served.

use std::time::Duration;

use provisioning_emulator::Emulator;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{call, enrollment, put};
use crate::support::{
    exchange,
    http::{Call, Token, control, send},
    in_memory,
};

async fn still_serves(emulator: &Emulator) {
    assert_eq!(put(emulator, "/enrollments/d", &enrollment("d")).await.status, 200);
}

fn put_head(emulator: &Emulator) -> String {
    let call = Call::with_token(
        "PUT",
        "/enrollments/d?api-version=2021-10-01",
        &Token::of(emulator).sign(),
    );
    call.text().replace("Content-Length: 0\r\n\r\n", "")
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_http_end_their_connection_only() {
    let emulator = in_memory();
    for bytes in [
        b"\x16\x03\x01\x02\x00".as_slice(),
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PUT /enrollments/d HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answered = exchange(control(&emulator), bytes).await;
        assert!(
            answered.is_empty() || answered.starts_with(b"HTTP/1.1 4"),
            "{bytes:?}: {answered:?}"
        );
    }
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    assert!(
        exchange(control(&emulator), many.as_bytes())
            .await
            .starts_with(b"HTTP/1.1 431")
    );
    still_serves(&emulator).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_valid_json_is_refused_with_400() {
    let emulator = in_memory();
    let nested = "[".repeat(100_000);
    for body in ["", "{", "\u{1F980}", "nul", &nested] {
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", put_head(&emulator), body.len());
        assert_eq!(send(control(&emulator), &request).await.refusal(400), 400_004);
    }
    for body in [
        "[]",
        "null",
        "1",
        "{}",
        r#"{"registrationId": 7}"#,
        r#"{"registrationId": "d", "attestation": []}"#,
    ] {
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", put_head(&emulator), body.len());
        assert_eq!(
            send(control(&emulator), &request).await.refusal(400) / 1000,
            400,
            "{body}"
        );
    }
    still_serves(&emulator).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_is_refused_with_413_announced_or_not() {
    let emulator = in_memory();
    let announced = format!("{}Content-Length: 1048577\r\n\r\n", put_head(&emulator));
    assert_eq!(send(control(&emulator), &announced).await.refusal(413), 413_001);
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let chunked = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n{}",
        put_head(&emulator),
        chunk.repeat(17)
    );
    assert_eq!(send(control(&emulator), &chunked).await.refusal(413), 413_001);
    still_serves(&emulator).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_caller_times_out() {
    let emulator = in_memory();
    let late = send(
        control(&emulator),
        &format!("{}Content-Length: 5\r\n\r\n{{", put_head(&emulator)),
    )
    .await;
    assert_eq!(late.refusal(408), 408_001);
    for head in ["", "GET / HTTP/1.1\r\nHost: localhost\r\n"] {
        let answered = exchange(control(&emulator), head.as_bytes()).await;
        assert!(
            answered.is_empty() || answered.starts_with(b"HTTP/1.1 408"),
            "{answered:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_not_utf8_is_refused() {
    let emulator = in_memory();
    assert_eq!(call(&emulator, "GET", "/enrollments/%ff").await.refusal(400), 400_004);
}

#[tokio::test(start_paused = true)]
async fn one_connection_carries_several_calls() {
    let emulator = in_memory();
    let mut stream = control(&emulator);
    let one = Call::new(&emulator, "GET", "/enrollments/d")
        .text()
        .replace("Connection: close\r\n", "");
    stream.write_all(one.repeat(2).as_bytes()).await.expect("sent");
    let last = exchange(stream, Call::new(&emulator, "GET", "/enrollments/d").text().as_bytes()).await;
    let answers = String::from_utf8(last).expect("text");
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 3, "{answers}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_kept_open_ends_with_the_emulator() {
    let emulator = in_memory();
    let mut idle = control(&emulator);
    let call = Call::new(&emulator, "GET", "/enrollments/d").text();
    let call = call.replace("Connection: close\r\n", "");
    idle.write_all(call.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 404");
    // Sooner than for want of another call.
    let ended = timeout(Duration::from_secs(5), emulator.shutdown());
    ended.await.expect("in time");
    idle.read_to_end(&mut vec![]).await.expect("an orderly end");
}

//! Calls are judged by their head: a refusal waits for no body, and `100 Continue` is sent to accepted calls only.

use std::time::Duration;

use provisioning_emulator::{Emulator, Link, Port, Security};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::support::{
    ID_SCOPE,
    http::{Call, Token},
    in_memory,
};

/// The first line of the first answer, which arrives before any of the body is sent.
async fn first_line(stream: &mut Link) -> String {
    let mut line = vec![];
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.expect("a line"));
    }
    String::from_utf8(line).expect("text").trim_end().to_owned()
}

/// Sends a head that announces a body of this length and asks for `100 Continue`.
async fn announce(stream: &mut Link, head: &str, length: usize) {
    let head = format!("{head}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
}

fn put(emulator: &Emulator, path: &str) -> String {
    let target = format!("{path}?api-version=2021-10-01");
    let call = Call::with_token("PUT", &target, &Token::of(emulator).sign()).text();
    call.replace("Content-Length: 0\r\n\r\n", "")
}

fn device_call(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}")
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_answered_at_once_and_is_not_asked_for_its_body() {
    let emulator = in_memory();
    let signed = put(&emulator, "/enrollments/d");
    let unsigned = "PUT /enrollments/d?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\n";
    let page = "POST / HTTP/1.1\r\nHost: localhost\r\n";
    let register = format!("/{ID_SCOPE}/registrations/d/register");
    let dated = format!("{register}?api-version=2021-06-01");
    let other_scope = dated.replace(ID_SCOPE, "0neOther");
    let utf8 = format!("/{ID_SCOPE}/registrations/%ff/register?api-version=2021-06-01");
    for (port, head, length, expected) in [
        (Port::Control, unsigned.to_owned(), 1_000_000, "401 Unauthorized"),
        (Port::Control, put(&emulator, "/nothing"), 10, "404 Not Found"),
        (
            Port::Control,
            put(&emulator, "/emulator/log"),
            10,
            "405 Method Not Allowed",
        ),
        (
            Port::Control,
            signed.replace("2021-10-01", "soon"),
            10,
            "400 Bad Request",
        ),
        (Port::Control, put(&emulator, "/enrollments/%ff"), 10, "400 Bad Request"),
        (Port::Control, signed, 1_048_577, "413 Payload Too Large"),
        (Port::Page, page.to_owned(), 10, "405 Method Not Allowed"),
        (Port::WebSocket, device_call("PUT", "/nothing", ""), 10, "404 Not Found"),
        (
            Port::WebSocket,
            device_call("POST", &dated, ""),
            10,
            "405 Method Not Allowed",
        ),
        (
            Port::WebSocket,
            device_call("PUT", &register, ""),
            10,
            "400 Bad Request",
        ),
        (Port::WebSocket, device_call("PUT", &utf8, ""), 10, "400 Bad Request"),
        (
            Port::WebSocket,
            device_call("PUT", &other_scope, ""),
            10,
            "401 Unauthorized",
        ),
        (
            Port::WebSocket,
            device_call("PUT", &dated, ""),
            1_048_577,
            "413 Payload Too Large",
        ),
    ] {
        let mut stream = emulator.connect(port, Security::Plain, 64 * 1024);
        let start = Instant::now();
        announce(&mut stream, &head, length).await;
        let answered = timeout(Duration::from_secs(60), first_line(&mut stream))
            .await
            .expect("answered");
        assert_eq!(answered, format!("HTTP/1.1 {expected}"), "{port}, {head}");
        assert_eq!(start.elapsed(), Duration::ZERO, "{port}, {head}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_accepted_call_is_asked_for_its_body() {
    let emulator = in_memory();
    let dated = format!("/{ID_SCOPE}/registrations/d/register?api-version=2021-06-01");
    for (port, head, body, expected) in [
        (Port::Control, put(&emulator, "/enrollments/d"), "[]", "400 Bad Request"),
        (
            Port::WebSocket,
            device_call("PUT", &dated, ""),
            r#"{"registrationId":"d"}"#,
            "202 Accepted",
        ),
    ] {
        let mut stream = emulator.connect(port, Security::Plain, 64 * 1024);
        announce(&mut stream, &head, body.len()).await;
        assert_eq!(first_line(&mut stream).await, "HTTP/1.1 100 Continue", "{port}");
        assert_eq!(first_line(&mut stream).await, "", "{port}");
        stream.write_all(body.as_bytes()).await.expect("sent");
        assert_eq!(first_line(&mut stream).await, format!("HTTP/1.1 {expected}"), "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_refused_head_is_discarded_within_bounds() {
    let emulator = in_memory();
    let unsigned = "PUT /enrollments/d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    // The body, one KiB at a time, and what is discarded of it before the emulator stops reading: 64 KiB, or what arrives
    // within 1 s. Beyond that there is room for some in buffers.
    let at_once = (Duration::ZERO, 64..100);
    let slowly = (Duration::from_millis(100), 9..20);
    for (pause, discarded) in [at_once, slowly] {
        for port in [Port::Control, Port::WebSocket] {
            let mut stream = emulator.connect(port, Security::Plain, 4096);
            stream.write_all(unsigned.as_bytes()).await.expect("sent");
            let mut sent = 0;
            while let Ok(Ok(())) = timeout(Duration::from_secs(5), stream.write_all(&[b' '; 1024])).await {
                sent += 1;
                sleep(pause).await;
            }
            assert!(discarded.contains(&sent), "{port}, one KiB each {pause:?}: {sent}");
            let mut answered = String::new();
            let ended = stream.read_to_string(&mut answered).await;
            ended.expect("an answer, and the end");
            assert!(answered.starts_with("HTTP/1.1 40"), "{answered}");
        }
    }
}

//! Peers that speak another protocol than a port has, or HTTP that is malformed: each gets a sentence, and the log a line.

use std::time::Duration;

use provisioning_emulator::{Direction, Emulator, LogEntry, Port, Security};
use tokio::time::sleep;

use crate::support::{connect_bytes, exchange, http, in_memory};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PROPFIND: &[u8] = b"PROPFIND /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The only line of the log about this conversation.
async fn line(emulator: &Emulator) -> LogEntry {
    sleep(Duration::from_secs(5)).await;
    let log = emulator.log();
    let mut lines = log
        .iter()
        .filter(|entry| entry.direction == Direction::Note && entry.is_refusal());
    let line = lines.next().expect("a line");
    assert!(lines.next().is_none(), "{log:?}");
    LogEntry::clone(line)
}

/// Sends bytes to a port, and expects an error body with `sentence`, and a line in the log of this kind.
async fn refused(port: Port, security: Security, bytes: &[u8], status: u16, sentence: &str, kind: &str, reason: &str) {
    let emulator = in_memory();
    let stream = emulator.connect(port, security, 128 * 1024);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let answer = http::answered(exchange(stream, bytes).await);
    answer.refusal(status);
    let message = answer.json()["message"].as_str().expect("text").to_owned();
    assert!(message.contains(sentence), "{port} {text:?}: {message}");
    assert!(answer.header("date").is_some(), "{answer:?}");
    let line = line(&emulator).await;
    assert_eq!((line.kind.as_str(), line.port), (kind, Some(port)), "{text:?}");
    let found = line.reason.unwrap_or_default();
    assert!(found.contains(reason), "{port} {text:?}: {found}");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_is_not_one_is_refused_with_what_it_lacks() {
    let request = |method: &str, headers: &[&str]| {
        format!(
            "{method} /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            headers.concat()
        )
    };
    let eighth = "Sec-WebSocket-Version: 8\r\n";
    let no_connection = UPGRADE.replace("Connection: Upgrade\r\n", "");
    let short_key = "Sec-WebSocket-Key: short\r\n";
    for (request, lacks) in [
        (request("POST", &[UPGRADE, VERSION, KEY]), "is a GET"),
        (request("PUT", &[UPGRADE, VERSION, KEY]), "is a GET"),
        (request("GET", &[UPGRADE, eighth, KEY]), "Sec-WebSocket-Version: 13"),
        (request("GET", &[UPGRADE, KEY]), "Sec-WebSocket-Version: 13"),
        (request("GET", &[UPGRADE, VERSION]), "Sec-WebSocket-Key"),
        (request("GET", &[UPGRADE, VERSION, short_key]), "Sec-WebSocket-Key"),
        (request("GET", &[&no_connection, VERSION, KEY]), "Connection: Upgrade"),
        (
            request("GET", &[UPGRADE, VERSION, KEY]).replace("HTTP/1.1", "HTTP/1.0"),
            "HTTP/1.1",
        ),
    ] {
        let reason = "upgrade to a WebSocket";
        let bytes = request.as_bytes();
        refused(Port::WebSocket, Security::Plain, bytes, 400, lacks, "websocket", reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn another_protocol_on_a_port_with_http_gets_an_error_body() {
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    for (port, kind) in [
        (Port::WebSocket, "websocket"),
        (Port::Control, "control"),
        (Port::Page, "HTTP"),
    ] {
        for (bytes, status, what) in [
            (&connect_bytes("MQTT", 4, 0x82)[..], 400, "MQTT"),
            (b"AMQP\x00\x01\x00\x00", 400, "AMQP"),
            (HTTP_2, 400, "HTTP/2"),
            (b"GET / HTTP/9\r\n\r\n", 400, "HTTP"),
            (b"\0\0\0\0\r\n\r\n", 400, "HTTP"),
            (b"GET / HTTP/1.1\r\nHost", 408, "in time"),
            (many.as_bytes(), 431, "100 headers"),
        ] {
            let logged = match status {
                431 => "too large",
                _ => what,
            };
            refused(port, Security::Plain, bytes, status, what, kind, logged).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_method_of_http_on_the_mqtt_port_or_without_tls_gets_an_error_body() {
    for (bytes, logged) in [(HTTP_2, "HTTP, PRI *"), (PROPFIND, "HTTP, PROPFIND /a")] {
        refused(Port::Mqtt, Security::Plain, bytes, 400, "MQTT 3.1.1", "refused", logged).await;
        for port in [Port::Mqtt, Port::WebSocket, Port::Control] {
            refused(port, Security::Tls, bytes, 400, "TLS only", "tls", logged).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn mqtt_without_tls_gets_a_sentence() {
    for port in [Port::Mqtt, Port::WebSocket, Port::Control] {
        let emulator = in_memory();
        let stream = emulator.connect(port, Security::Tls, 4096);
        let answered = exchange(stream, &connect_bytes("MQTT", 4, 0x82)).await;
        let answered = String::from_utf8(answered).expect("text");
        assert!(answered.contains("TLS only"), "{answered}");
        let line = line(&emulator).await;
        assert_eq!(
            line.reason.as_deref(),
            Some("the first bytes are MQTT, without TLS: this port has TLS only"),
            "{port}"
        );
    }
}

//! Faults of layers: TCP, TLS and the WebSocket upgrade, at their beginning and among their bytes.

use std::time::Duration;

use provisioning_emulator::{Cut, Effect, Emulator, Link, Port, Security, Step};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::{fault, timed, with};
use crate::support::{Device, connect_bytes, exchange, in_memory, notes, plain, tls};

/// Bytes that never come fail the test.
const LIMIT: Duration = Duration::from_secs(60);

const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

const REFUSE: Effect = Effect::Refuse {
    code: None,
    retry_after: None,
};

fn hello() -> Vec<u8> {
    connect_bytes("MQTT", 4, 0x82)
}

fn link(emulator: &Emulator, port: Port, security: Security) -> Link {
    emulator.connect(port, security, 64 * 1024)
}

/// A link whose first step this is.
fn at(emulator: &Emulator, step: Step) -> Link {
    match step {
        Step::Tcp => plain(emulator),
        Step::Tls => link(emulator, Port::Mqtt, Security::Tls),
        _ => link(emulator, Port::WebSocket, Security::Plain),
    }
}

/// The next byte, or why there is none.
async fn byte(mut link: Link) -> std::io::Result<u8> {
    timeout(LIMIT, link.read_u8()).await.expect("in time")
}

async fn secured(emulator: &Emulator, device: &str) -> std::io::Result<TlsStream<Link>> {
    let identity = emulator.issue_device(device).expect("an identity");
    let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
    tls::connect(&connector, "localhost", link(emulator, Port::Mqtt, Security::Tls)).await
}

const STEPS: [Step; 3] = [Step::Tcp, Step::Tls, Step::Upgrade];

#[tokio::test(start_paused = true)]
async fn every_layer_can_be_a_close_instead() {
    for step in STEPS {
        let emulator = with(Effect::Close(Cut::Now), step);
        assert_eq!(exchange(at(&emulator, step), b"anything").await, [0; 0], "{step:?}");
        assert_eq!(notes(&emulator, "fault"), [format!("close at {step:?}").to_lowercase()]);
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_can_be_a_reset_instead() {
    for step in STEPS {
        let emulator = with(Effect::Reset(Cut::Now), step);
        let error = byte(at(&emulator, step)).await.expect_err("a reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_can_be_silent() {
    for step in STEPS {
        let emulator = with(Effect::Withhold, step);
        let mut link = at(&emulator, step);
        link.write_all(&hello()).await.expect("sent");
        let read = timeout(Duration::from_secs(24 * 3600), link.read_u8());
        read.await.expect_err("nothing comes, not even the end");
        drop(link);
        crate::support::stop(emulator).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_can_be_garbage() {
    for step in STEPS {
        let emulator = with(Effect::Garbage, step);
        let answered = exchange(at(&emulator, step), &hello()).await;
        assert!(
            answered.starts_with(b"\xff\xff\xff\xff\xff\xffgarbage"),
            "{step:?}: {answered:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_can_be_late() {
    let emulator = with(Effect::Delay(Duration::from_secs(5)), Step::Tcp);
    let (seconds, _) = timed(Device::accepted(plain(&emulator), "d")).await;
    assert_eq!(seconds, 5);
    let emulator = with(Effect::Delay(Duration::from_secs(5)), Step::Tls);
    let (seconds, stream) = timed(secured(&emulator, "d")).await;
    assert_eq!((seconds, stream.is_ok()), (5, true));
    let emulator = with(Effect::Delay(Duration::from_secs(5)), Step::Upgrade);
    let (seconds, _) = timed(crate::websocket::connected(&emulator)).await;
    assert_eq!(seconds, 5);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_tcp_is_a_reset_and_of_tls_an_alert() {
    let emulator = with(REFUSE, Step::Tcp);
    let error = byte(plain(&emulator)).await.expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let emulator = with(REFUSE, Step::Tls);
    let error = secured(&emulator, "d").await.expect_err("no TLS").to_string();
    assert!(error.contains("HandshakeFailure"), "{error}");
    secured(&emulator, "d").await.expect("once only");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_refused_with_a_status() {
    for (code, expected) in [(None, 503), (Some(401), 401)] {
        let emulator = with(
            Effect::Refuse {
                code,
                retry_after: None,
            },
            Step::Upgrade,
        );
        assert_eq!(crate::websocket::refused(&emulator).await, expected);
        crate::websocket::connected(&emulator).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_after_any_byte_that_is_sent() {
    for limit in 0..=3 {
        let emulator = with(Effect::Close(Cut::AfterSent(limit)), Step::Tcp);
        let sent = exchange(plain(&emulator), &hello()).await;
        assert_eq!(sent, ACCEPTED[..usize::try_from(limit).expect("small")]);
        let emulator = with(Effect::Reset(Cut::AfterSent(limit)), Step::Tcp);
        let mut link = plain(&emulator);
        link.write_all(&hello()).await.expect("sent");
        let mut sent = vec![];
        let error = timeout(LIMIT, link.read_to_end(&mut sent)).await.expect("in time");
        let error = error.expect_err("a reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(sent.len() as u64, limit);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_after_any_byte_that_is_received() {
    let hello = hello();
    let last = hello.len();
    for limit in [0, 1, last / 2, last - 1, last] {
        let emulator = with(Effect::Close(Cut::AfterReceived(limit as u64)), Step::Tcp);
        let mut link = plain(&emulator);
        link.write_all(&hello[..limit]).await.expect("sent");
        assert_eq!(exchange(link, &[]).await, [0; 0], "{limit}");
    }
    let emulator = with(Effect::Close(Cut::AfterReceived(last as u64 + 1)), Step::Tcp);
    let mut device = Device::accepted(plain(&emulator), "d").await;
    device.send_bytes(&[0xC0]).await;
    device.is_closed().await;
}

#[tokio::test(start_paused = true)]
async fn tls_ends_in_the_middle_of_its_handshake_and_of_its_contents() {
    let emulator = with(Effect::Close(Cut::AfterSent(100)), Step::Tcp);
    secured(&emulator, "d").await.expect_err("no TLS");
    let emulator = with(Effect::Close(Cut::AfterSent(3)), Step::Tls);
    let stream = secured(&emulator, "d").await.expect("TLS");
    assert_eq!(exchange(stream, &hello()).await, ACCEPTED[..3]);
}

#[tokio::test(start_paused = true)]
async fn bytes_come_one_by_one_in_every_layer() {
    let split = |milliseconds| Effect::Split {
        size: 1,
        pause: Duration::from_millis(milliseconds),
    };
    let emulator = with(split(1000), Step::Tcp);
    let (seconds, _) = timed(Device::accepted(plain(&emulator), "d")).await;
    assert_eq!(seconds, 3, "four bytes, three pauses");
    let emulator = with(split(1), Step::Tcp);
    let stream = secured(&emulator, "d").await.expect("TLS, byte by byte");
    Device::accepted(stream, "d").await;
    let emulator = with(split(1000), Step::Tls);
    let stream = secured(&emulator, "d").await.expect("TLS");
    let (seconds, _) = timed(Device::accepted(stream, "d")).await;
    assert_eq!(seconds, 3);
    // tungstenite takes an answer to the upgrade in 64 pieces, no more.
    let pieces = Effect::Split {
        size: 4,
        pause: Duration::from_millis(1),
    };
    let emulator = with(pieces, Step::Upgrade);
    crate::websocket::connected(&emulator).await;
}

#[tokio::test(start_paused = true)]
async fn a_device_is_known_within_tls_by_its_certificate() {
    let emulator = in_memory();
    emulator.inject(fault(Effect::Close(Cut::Now), Step::Tls).device("D"));
    Device::accepted(secured(&emulator, "other").await.expect("TLS"), "other").await;
    let stream = secured(&emulator, "d").await.expect("TLS");
    Device::over(stream).is_closed().await;
    assert_eq!(emulator.faults(), []);
}

#[tokio::test(start_paused = true)]
async fn a_named_device_is_not_known_before_tls() {
    let emulator = in_memory();
    emulator.inject(fault(REFUSE, Step::Tcp).device("d"));
    Device::accepted(secured(&emulator, "d").await.expect("TLS"), "d").await;
    assert_eq!(emulator.faults().len(), 1);
}

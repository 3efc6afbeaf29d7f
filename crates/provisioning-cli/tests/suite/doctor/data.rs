//! `dps doctor` sends as much as a registration would: what only larger packets, or a certificate, meet on their way.

use std::{future::pending, net::SocketAddr};

use provisioning_emulator::{Emulator, LogKind};
use test_support::{
    serve,
    tls::{Ca, new_key},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::TcpStream,
    select,
    task::JoinSet,
};

use super::{finding, servers::service};
use crate::support::{Files, Run, dps};

/// What a packet of Ethernet holds, about.
const PACKET: usize = 1400;

/// Without a `hint` the finding must have none.
fn assert_found(run: &Run, check: &str, verdict: &str, message: &str, hint: &str) {
    let finding = finding(run, check);
    let text = |member: &str| finding[member].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("verdict"), verdict, "{check}: {run:?}");
    assert!(text("message").contains(message), "{check}: {message:?} in {run:?}");
    let said = text("hint");
    assert!(
        said.contains(hint) && said.is_empty() == hint.is_empty(),
        "{check}: {hint:?} in {run:?}"
    );
}

/// A path to the port that carries everything until the device sends more at once than one packet holds.
async fn small_packets_only(port: u16) -> (SocketAddr, JoinSet<()>) {
    serve("127.0.0.1", move |device| async move {
        let service = TcpStream::connect(("127.0.0.1", port)).await.expect("a service");
        let (mut from_device, mut to_device) = device.into_split();
        let (mut from_service, mut to_service) = service.into_split();
        let there = async {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(length @ 1..=PACKET) = from_device.read(&mut bytes).await {
                to_service.write_all(&bytes[..length]).await.expect("a service");
            }
            pending::<()>().await;
        };
        select! {
            () = there => {}
            _ = copy(&mut from_service, &mut to_device) => {}
        }
    })
    .await
}

#[tokio::test]
async fn a_path_that_carries_small_packets_only_is_found_on_both_ports_with_and_without_a_credential() {
    let emulator = Emulator::builder().start().await.expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    let (mqtt, _mqtt) = small_packets_only(emulator.mqtt_port()).await;
    let (websocket, _websocket) = small_packets_only(emulator.websocket_port()).await;
    let (mqtt, websocket_port) = (format!("localhost:{}", mqtt.port()), websocket.port().to_string());
    let words = [
        "doctor",
        "--host",
        &mqtt,
        "--websocket-port",
        &websocket_port,
        "--ca",
        &files.ca,
        "--connect-timeout",
        "0.8",
        "--json",
    ];
    let message = format!("no answer from {mqtt} within 0.8 s to 2048 bytes that were sent at once after TLS");
    let run = dps(&words).await;
    assert_eq!(run.code, 5, "{run:?}");
    assert_found(&run, "MQTT TLS", "ok", "signed by", "");
    assert_found(
        &run,
        "MQTT data",
        "failed",
        &message,
        "lower the MTU, in particular in a VPN or a tunnel",
    );
    assert_eq!(finding(&run, "MQTT data")["kind"], "timeout");
    assert_eq!(finding(&run, "MQTT data")["retryable"], true);
    assert_found(&run, "WebSocket data", "warning", "2048 bytes", "lower the MTU");
    assert_found(&run, "clock", "skipped", "the service did not send its time", "");

    let payload = files.write("payload.json", &format!("\"{}\"", "x".repeat(3000)));
    let payload = format!("@{payload}");
    let certified = ["--cert", &files.cert, "--key", &files.key, "--payload", &payload];
    let run = dps(&[&words[..], &certified].concat()).await;
    assert_eq!(run.code, 5, "{run:?}");
    assert_found(
        &run,
        "MQTT data",
        "failed",
        "4026 bytes",
        "connections with a client certificate",
    );
    assert!(!emulator.log().iter().any(|entry| entry.kind == LogKind::Publish));
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_devices_certificate_is_presented_and_a_service_that_needs_another_is_found() {
    let (ca, stranger) = (Ca::root(), Ca::root());
    let emulator = Emulator::builder().start_in_memory().expect("another CA");
    let files = Files::of(&emulator, "device-1");
    let server_ca = files.write("server-ca.pem", &ca.certificate().pem());
    let credential = |ca: &Ca, name: &str| {
        let key = new_key();
        let certificate = files.write(&format!("{name}.pem"), &ca.device(&key).pem());
        [certificate, files.write(&format!("{name}.key"), &key.serialize_pem())]
    };
    let ([cert, key], [other_cert, other_key]) = (credential(&ca, "own"), credential(&stranger, "other"));
    let (address, _service) = service(&ca, true).await;
    let host = format!("localhost:{}", address.port());
    let words = [
        "doctor",
        "--host",
        &host,
        "--ca",
        &server_ca,
        "--connect-timeout",
        "5",
        "--json",
    ];
    let run = dps(&[&words[..], &["--cert", &cert, "--key", &key]].concat()).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_found(
        &run,
        "MQTT data",
        "ok",
        "2048 bytes that were sent at once were answered",
        "",
    );

    let rejected = ("the device's certificate", "its chain is complete");
    let missing = ("requires a client certificate", "register with an X.509 certificate");
    for (credential, (message, hint)) in [
        (&["--cert", other_cert.as_str(), "--key", &other_key][..], rejected),
        (&[], missing),
        // The key of another certificate: that is a finding of its own, and TLS goes on without a certificate.
        (&["--cert", &cert, "--key", &other_key], missing),
    ] {
        let run = dps(&[&words[..], credential].concat()).await;
        assert_ne!(run.code, 0, "{credential:?}: {run:?}");
        assert_found(&run, "MQTT TLS", "ok", "TLS 1.3", "");
        assert_found(&run, "MQTT data", "failed", message, hint);
        assert_eq!(finding(&run, "MQTT data")["kind"], "tls", "{credential:?}: {run:?}");
    }

    let (address, _service) = service(&ca, false).await;
    let host = format!("localhost:{}", address.port());
    let words = [
        "doctor", "--host", &host, "--ca", &server_ca, "--cert", &cert, "--key", &key, "--json",
    ];
    let run = dps(&words).await;
    assert_eq!(run.code, 0, "{run:?}");
    let message = "2048 bytes were sent at once, and the connection was lost";
    assert_found(
        &run,
        "MQTT data",
        "warning",
        message,
        "a device on the way that ends connections",
    );
}

#[tokio::test]
async fn the_help_says_the_limit_of_each_step() {
    let help = dps(&["doctor", "--help"]).await.stdout;
    assert!(
        help.contains("Each of the three takes --connect-timeout at most, 12 s unless"),
        "{help}"
    );
    assert!(!help.contains("10 s"), "{help}");
}

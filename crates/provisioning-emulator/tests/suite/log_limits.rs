//! What a peer sends before it is accepted is in the log, within 1 KiB, and a certificate is named, not copied.

use std::time::Duration;

use provisioning_emulator::{DeviceIdentity, Effect, Emulator, Fault, LogEntry, LogKind, Port, Security, Step};
use rumqttc::{Connect, ConnectReturnCode, Login};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use crate::support::{
    Device, ID_SCOPE, exchange,
    http::{Call, send},
    in_memory, plain, tls, user_name,
};

/// The texts of an entry.
fn texts(entry: &LogEntry) -> Vec<&String> {
    let texts = [&entry.registration_id, &entry.topic, &entry.reason, &entry.payload];
    texts.into_iter().flatten().collect()
}

/// Expects short texts only, one of which at least was cut.
fn assert_cut(emulator: &Emulator) {
    let log = emulator.log();
    let all: Vec<_> = log.iter().flat_map(|entry| texts(entry)).collect();
    for text in &all {
        assert!(text.len() < 1100, "{} bytes: {}", text.len(), &text[..200]);
    }
    assert!(all.iter().any(|text| text.contains("… (cut, ")), "{log:?}");
}

fn secured(emulator: &Emulator) -> (DeviceIdentity, provisioning_emulator::Link) {
    let identity = emulator.issue_device("d").expect("an identity");
    (identity, emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024))
}

/// With a fault for every device: it is logged, with the id that the device claims.
fn with_a_fault(step: Step) -> Emulator {
    let emulator = in_memory();
    let effect = Effect::Delay(Duration::from_secs(1));
    emulator.inject(Fault::new(effect, step).expect("a fault"));
    emulator
}

#[tokio::test(start_paused = true)]
async fn the_id_of_a_call_of_the_device_api_that_is_refused_is_cut_with_a_fault_too() {
    let emulator = with_a_fault(Step::Answer);
    let path = format!(
        "/{ID_SCOPE}/registrations/{}/register?api-version=2021-06-01",
        "x".repeat(5000)
    );
    let request = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let link = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
    send(link, &request).await.refusal(401);
    assert!(emulator.log().iter().any(|entry| entry.kind == LogKind::Fault));
    assert_cut(&emulator);
}

#[tokio::test(start_paused = true)]
async fn texts_of_a_device_that_is_refused_are_cut() {
    let long = "ü".repeat(1500);
    let named = |user_name: String| Connect {
        login: Some(Login::new(user_name, "")),
        ..Connect::new(long.clone())
    };
    for connect in [named(user_name("d")), named(long.clone())] {
        let emulator = with_a_fault(Step::Connack);
        let mut device = Device::over(plain(&emulator));
        assert_ne!(device.connect(connect).await, ConnectReturnCode::Success);
        device.is_closed().await;
        assert_cut(&emulator);
    }
}

#[tokio::test(start_paused = true)]
async fn the_paths_of_calls_that_are_refused_are_cut() {
    let path = format!("/{}", "x".repeat(5000));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for port in [Port::Mqtt, Port::WebSocket] {
        let emulator = in_memory();
        let link = emulator.connect(port, Security::Plain, 64 * 1024);
        send(link, &request)
            .await
            .refusal(if port == Port::Mqtt { 400 } else { 404 });
        assert_cut(&emulator);
    }
    for port in [Port::Mqtt, Port::Control] {
        let emulator = in_memory();
        exchange(emulator.connect(port, Security::Tls, 64 * 1024), request.as_bytes()).await;
        sleep(Duration::from_secs(5)).await;
        assert_cut(&emulator);
    }
    let emulator = in_memory();
    Call::new(&emulator, "GET", &path).send(&emulator).await.refusal(404);
    assert_cut(&emulator);
}

#[tokio::test(start_paused = true)]
async fn what_an_accepted_device_publishes_is_logged_as_a_whole() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    let body = format!(r#"{{"registrationId":"d","payload":"{}"}}"#, "x".repeat(5000));
    device
        .request("$dps/registrations/PUT/iotdps-register/?$rid=r", &body)
        .await;
    let published = emulator.wait_for(|entry| entry.kind == LogKind::Publish).await;
    assert_eq!(published.payload.as_ref(), Some(&body));
    let path = format!("/{ID_SCOPE}/registrations/d/register?api-version=2021-06-01");
    let length = body.len();
    let call = format!("PUT {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let link = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
    assert_eq!(send(link, &call).await.status, 202);
    let called = emulator.wait_for(|entry| entry.kind == LogKind::Http).await;
    assert_eq!(called.payload.as_ref(), Some(&body));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_logged_as_its_subject_its_issuer_and_its_thumbprint() {
    let emulator = in_memory();
    let (identity, link) = secured(&emulator);
    let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
    let stream = tls::connect(&connector, "localhost", link).await.expect("TLS");
    let _device = Device::accepted(stream, "d").await;
    let open = emulator.wait_for(|entry| entry.kind == LogKind::Open).await;
    let der = CertificateDer::from_pem_slice(identity.certificate_chain_pem.as_bytes()).expect("a certificate");
    let payload = open.payload.clone().expect("a description");
    assert!(payload.starts_with("subject \"CN=d\", issuer \"CN="), "{payload}");
    let thumbprint: String = Sha256::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(payload.ends_with(&format!(", SHA-256 {thumbprint}")), "{payload}");
    assert!(!payload.contains("BEGIN"), "{payload}");
}

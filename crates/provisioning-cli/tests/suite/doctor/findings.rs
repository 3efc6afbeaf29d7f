//! `dps doctor`: each thing that usually goes wrong is found, named, and told what to do about.

use std::time::{Duration, SystemTime};

use provisioning_emulator::{Device, Emulator};
use serde_json::Value;
use test_support::{
    emulator::start,
    listen, serve,
    tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::finding;
use crate::support::{Files, Run, dps, start_dps, validity};

fn assert_found(run: &Run, check: &str, verdict: &str, says: &str) {
    let finding = finding(run, check);
    assert_eq!(finding["verdict"], verdict, "{check}: {run:?}");
    let said = format!("{} {}", finding["message"], finding["hint"]);
    assert!(said.contains(says), "{check}: {says:?} in {run:?}");
}

#[tokio::test]
async fn nothing_is_wrong_with_a_service_that_runs() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let device = emulator.issue_device("device-1").expect("a device");
    let files = Files::of_identity(&emulator, &device);
    let websocket_port = emulator.websocket_port().to_string();
    let run = files
        .doctor(&["--websocket-port", &websocket_port, "--register", "--json"])
        .await;
    assert_eq!((run.code, &run.json()["status"]), (0, &Value::from("ok")), "{run:?}");
    for (check, says) in [
        ("id scope", emulator.id_scope()),
        ("credential", "a certificate"),
        ("private key", "belongs to the certificate"),
        ("certificate dates", &format!("valid until {}", validity(&device)[1])),
        ("certificate chain", "1 certificate is sent, the last one signed by"),
        ("registration id", "device-1, the certificate's common name"),
        ("name", "localhost is "),
        (
            "MQTT port",
            &format!("{} was reached directly at 127.0.0.1", emulator.mqtt_port()),
        ),
        ("MQTT TLS", "is signed by \\\"DPS emulator CA"),
        ("MQTT data", "2048 bytes that were sent at once were answered"),
        ("WebSocket data", "2048 bytes that were sent at once were answered"),
        ("WebSocket port", &websocket_port),
        ("WebSocket TLS", "which --ca trusts"),
        ("clock", "of the service's"),
        ("TLS inspection", "a private CA that you trust"),
        ("registration", "assigned to local-hub.azure-devices.net as device-1"),
    ] {
        assert_found(&run, check, "ok", says);
    }

    let run = files.doctor(&["--websocket-port", &websocket_port]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 17, "the sum, and a line for each: {run:?}");
    assert_eq!(lines[0], "nothing FAILED");
    assert!(lines[7].starts_with("ok       name: localhost is "), "{run:?}");
    assert_eq!(lines[16], "skipped  registration: not asked for: add --register");
    let progress: Vec<_> = run.stderr.lines().collect();
    assert_eq!(progress, lines[1..], "each is reported at once, too");
    emulator.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_private_key_that_others_may_read_is_a_warning_of_the_doctor_and_of_a_verbose_registration() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let files = Files::of(&emulator, "device-1");
    files.set_mode("device.key", 0o640);
    let run = files.doctor(&["--json"]).await;
    let remedy = format!("chmod 600 {}", files.key);
    assert_found(&run, "secret file", "warning", &remedy);
    let run = files.register(&files.host, &["-v"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains(&remedy), "{run:?}");
    let run = files.register(&files.host, &[]).await;
    assert!(!run.stderr.contains("chmod"), "{run:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_signer_that_is_not_trusted_is_named() {
    let emulator = start(Emulator::builder()).await;
    let stranger = Emulator::builder().start_in_memory().expect("another CA");
    let files = Files::of(&emulator, "device-1");
    let other_ca = files.write("other-ca.pem", stranger.ca_pem());
    let websocket_port = emulator.websocket_port().to_string();
    let run = files
        .doctor(&["--ca", &other_ca, "--websocket-port", &websocket_port, "--json"])
        .await;
    assert_eq!(run.code, 4, "{run:?}");
    assert_found(&run, "MQTT port", "ok", "was reached");
    assert_found(&run, "MQTT TLS", "failed", "signed by \\\"DPS emulator CA");
    assert_found(&run, "MQTT TLS", "failed", "if a proxy inspects TLS");
    assert_eq!(finding(&run, "MQTT TLS")["kind"], "tls");
    // A registration over MQTT can do without the WebSocket.
    assert_found(&run, "WebSocket TLS", "warning", "is not trusted");
    let own_ca = files.write("own-ca.pem", emulator.ca_pem());
    let run = files
        .doctor(&["--ca", &other_ca, "--extra-ca", &own_ca, "--json"])
        .await;
    assert_found(&run, "MQTT TLS", "ok", "which --ca or --extra-ca trusts");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_fails_and_the_other_only_warns() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let websocket_port = emulator.websocket_port().to_string();
    let (_, nowhere) = listen::<String>().await;
    let words = ["--host", &nowhere, "--websocket-port", &websocket_port, "--json"];
    let run = files.doctor(&words).await;
    assert_eq!(run.code, 4, "{run:?}");
    assert_found(&run, "MQTT port", "failed", "a firewall blocks the port");
    assert_found(&run, "MQTT TLS", "skipped", "the port was not reached");
    assert_found(&run, "WebSocket TLS", "ok", "signed by");
    // With --fallback a registration would take the other way.
    let run = files
        .doctor(&[&words[..], &["--fallback", "--register"]].concat())
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_found(&run, "MQTT port", "warning", "was not reached");
    assert_found(&run, "registration", "ok", "assigned to");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_name_that_nobody_knows_ends_the_walk_over_the_network() {
    let emulator = Emulator::builder().start_in_memory().expect("a CA");
    let device = emulator.issue_device("device-1").expect("a device");
    let files = Files::of_identity(&emulator, &device);
    let run = files.doctor(&["--host", "no-such-host.invalid", "--json"]).await;
    assert_eq!(run.code, 4, "{run:?}");
    assert_found(&run, "name", "failed", "check the host name, and whether");
    assert_found(&run, "MQTT port", "skipped", "the name was not resolved");
}

#[tokio::test]
async fn a_credential_that_cannot_work_is_found_without_asking_anybody() {
    let emulator = start(Emulator::builder()).await;
    let device = emulator.issue_device_with(&Device::new("device-1").expired());
    let device = device.expect("a device");
    let files = Files::of_identity(&emulator, &device);
    let run = files.doctor(&["--json"]).await;
    assert_eq!(run.code, 2, "{run:?}");
    let expired = format!("expired on {}", validity(&device)[1]);
    assert_found(&run, "certificate dates", "failed", &expired);
    assert_found(&run, "certificate dates", "failed", "renew the certificate");
    assert_found(&run, "MQTT TLS", "ok", "signed by");

    let files = Files::of(&emulator, "device-1");
    let other = Files::of(&emulator, "device-2");
    let token = "SharedAccessSignature sr=0ne00000000%2Fregistrations%2Fdevice-1&sig=YQ%3D%3D&se=1";
    let token = files.write("token", token);
    for (words, check, says) in [
        (
            &["--key", &other.key][..],
            "private key",
            "the key that belongs to the certificate",
        ),
        (
            &["--registration-id", "device-2"],
            "registration id",
            "common name is device-1",
        ),
        (&["--cert", "no/such"], "credential", "certificate in no/such"),
        (&["--key", "no/such"], "credential", "private key in no/such"),
        (&["--id-scope", "0ne 1"], "id scope", "1 to 64 letters"),
    ] {
        let run = files.doctor(&[words, &["--json"]].concat()).await;
        assert_eq!(run.code, 2, "{words:?}: {run:?}");
        assert_found(&run, check, "failed", says);
        assert_found(&run, "MQTT TLS", "ok", "signed by");
    }
    let words = [
        "doctor",
        "--host",
        &files.host,
        "--ca",
        &files.ca,
        "--sas-token-file",
        &token,
        "--json",
    ];
    let run = dps(&words).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert_found(
        &run,
        "credential",
        "failed",
        "the SAS token expired on 1970-01-01T00:00:01Z",
    );
    assert_found(&run, "registration id", "failed", "--registration-id is missing");
    emulator.shutdown().await;
}

#[tokio::test]
async fn what_is_not_given_is_skipped() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let run = dps(&["doctor", "--host", &files.host, "--ca", &files.ca, "--json"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_found(&run, "id scope", "skipped", "add --id-scope");
    assert_found(&run, "credential", "skipped", "add --cert and --key");
    assert_found(&run, "registration", "skipped", "add --register");
    assert_found(&run, "MQTT TLS", "ok", "signed by");
    emulator.shutdown().await;
}

/// Reads something, and says `answer`. A client that leaves early has seen enough.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.write_all(answer.as_bytes()).await;
}

#[tokio::test]
async fn a_port_without_tls_and_a_proxy_that_refuses_are_told_apart() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let bad_request = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let (plain, _tasks) = serve("127.0.0.1", |stream| answer(stream, bad_request)).await;
    let run = files.doctor(&["--host", &plain.to_string(), "--json"]).await;
    assert_eq!(run.code, 4, "{run:?}");
    assert_found(&run, "MQTT port", "ok", "was reached");
    assert_found(&run, "MQTT TLS", "failed", "does not speak TLS");
    assert_found(&run, "name", "skipped", "127.0.0.1 is an address");

    let forbidden = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    let (proxy, _tasks) = serve("127.0.0.1", |stream| answer(stream, forbidden)).await;
    let url = format!("http://user:s3cret@{proxy}");
    let run = files.doctor(&["--proxy", &url, "--json"]).await;
    assert_eq!(run.code, 4, "{run:?}");
    assert_found(&run, "name", "skipped", "resolves it");
    assert_found(&run, "MQTT port", "failed", "403");
    assert_eq!(finding(&run, "MQTT port")["kind"], "connect");
    assert!(!format!("{run:?}").contains("s3cret"), "{run:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_registration_that_fails_is_the_last_line_with_the_services_words() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let run = files.doctor(&["--id-scope", "0ne0OTHER", "--register", "--json"]).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert_found(&run, "registration", "failed", "the id scope; ");
    assert_eq!(finding(&run, "registration")["kind"], "unauthorized");
    emulator.shutdown().await;
}

#[tokio::test]
async fn flags_that_cannot_be_used_are_no_diagnosis() {
    for (words, says) in [
        (&["--host", "a b"][..], "host"),
        (&["--ca", "no/such"], "CA certificates in no/such"),
        (&["--proxy", "ftp://h"], "proxy"),
    ] {
        let run = dps(&[&["doctor", "--json"], words].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{words:?}: {run:?}");
        assert!(run.message().starts_with(says), "{words:?}: {run:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_a_warning() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let two_hours_ago = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(2 * 3600));
    let not_found = format!("HTTP/1.1 404 Not Found\r\nDate: {two_hours_ago}\r\nContent-Length: 0\r\n\r\n");
    let ca = Ca::root();
    let tls = acceptor(ca.server("localhost", |_| {}), ClientCertificates::None, &BOTH_VERSIONS);
    let (address, _tasks) = serve("127.0.0.1", move |stream| {
        let (tls, not_found) = (tls.clone(), not_found.clone());
        async move { answer(tls.accept(stream).await.expect("TLS"), &not_found).await }
    })
    .await;
    let (port, ca) = (address.port(), files.write("web.pem", &ca.certificate().pem()));
    let run = files
        .doctor(&["--websocket-port", &port.to_string(), "--extra-ca", &ca, "--json"])
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_found(&run, "clock", "warning", "ahead of the service's");
    assert_found(&run, "clock", "warning", "set this device's clock");
    assert_eq!(finding(&run, "clock")["code"], "clock-off");
    assert!(run.json()["cause"].is_null(), "nothing failed: {run:?}");
    emulator.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_ends_the_doctor_at_once() {
    let (_silent, host) = listen::<String>().await;
    let mut running = start_dps(&["doctor", "--host", &host, "--json"], &[]);
    running.until_stderr_has("skipped  credential").await;
    running.signal("INT").await;
    let run = Run::of(running).await;
    assert_eq!((run.code, run.kind().as_str()), (130, "cancelled"), "{run:?}");
}

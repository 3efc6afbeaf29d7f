//! What the service's support asks for: tracking id, time and operation id, once in every failure that has them.

use provisioning_emulator::{Device, Effect, Emulator, Fault, RetryAfter, Step};
use serde_json::json;
use test_support::{
    emulator::start,
    serve,
    tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Files, Run};

/// The line for support, whose values stand nowhere else in the error.
fn support(run: &Run) -> String {
    let error = run.stderr.find("error: ").map_or("", |start| &run.stderr[start..]);
    let line = error.lines().find_map(|line| line.strip_prefix("support: "));
    let line = line
        .unwrap_or_else(|| panic!("no line for support: {run:?}"))
        .to_owned();
    for value in line.split(", ").filter_map(|part| part.rsplit(' ').next()) {
        assert_eq!(error.matches(value).count(), 1, "{value} in {run:?}");
    }
    line
}

#[tokio::test]
async fn every_failure_of_the_service_has_what_support_asks_for_once() {
    let emulator = start(
        Emulator::builder()
            .polls_before_assigning(0)
            .retry_after(RetryAfter::Seconds(0))
            .device(Device::new("refused").refused(401, 401_002, "Invalid certificate."))
            .device(Device::new("failed").failed(400_209, "no hub"))
            .device(Device::new("disabled").disabled())
            .device(Device::new("throttled").throttled(429, 1000, RetryAfter::Seconds(600)))
            .device(Device::new("exhausted").throttled(503, 1000, RetryAfter::Seconds(600))),
    )
    .await;
    let refusal: &[&str] = &["tracking id ", "time 20"];
    let state: &[&str] = &["time 20", "operation id 4."];
    for (id, parts) in [
        ("refused", refusal),
        ("throttled", refusal),
        ("exhausted", refusal),
        ("failed", state),
        // Without a message, the beginning of the body is shown, which has the operation id.
        ("disabled", &state[..1]),
    ] {
        let files = Files::of(&emulator, id);
        for (host, carrier) in [(&files.host, &[][..]), (&files.websocket_host, &["--websocket"])] {
            let run = files.register(host, &[carrier, &["--timeout", "3"]].concat()).await;
            let line = support(&run);
            for part in parts {
                assert!(line.contains(part), "{part:?} in {line:?} of {id}: {run:?}");
            }
            assert_eq!(line.matches(", ").count(), parts.len() - 1, "{line:?}");
        }
        let run = files
            .doctor(&["--websocket-port", "1", "--register", "--timeout", "3"])
            .await;
        let finding = run
            .stdout
            .lines()
            .find(|line| line.contains("registration: "))
            .expect("a finding");
        for part in parts {
            assert_eq!(finding.matches(part).count(), 1, "{part:?} in {finding:?}");
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn what_the_message_has_already_is_not_repeated() {
    let refused = Device::new("device-1").refused(401, 401_002, "No.");
    let emulator = start(Emulator::builder().device(refused)).await;
    let files = Files::of(&emulator, "device-1");
    let time = "2026-01-02T03:04:05Z";
    for (body, line) in [
        (
            json!({"errorCode": 401_002, "trackingId": "abc-1", "message": "No. TrackingId:abc-1", "timestampUtc": time}),
            Some("time 2026-01-02T03:04:05Z"),
        ),
        // Without a message, the beginning of the body is shown.
        (json!({"trackingId": "abc-1", "timestampUtc": time}), None),
        (json!({"message": "No.", "trackingId": ""}), None),
        (
            json!({"message": "No.", "operationId": "4.op", "registrationState": {"trackingId": "abc-2"}}),
            Some("tracking id abc-2"),
        ),
    ] {
        emulator.inject(Fault::new(Effect::Body(body.to_string()), Step::Answer).expect("a fault"));
        let run = files.register(&files.host, &[]).await;
        assert_eq!(run.code, 3, "{run:?}");
        match line {
            Some(line) => assert_eq!(support(&run), line, "{run:?}"),
            None => assert!(!run.stderr.contains("support: "), "{run:?}"),
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_named_once() {
    let slow = Device::new("slow").never_assigned();
    let emulator = start(Emulator::builder().device(slow).retry_after(RetryAfter::Seconds(0))).await;
    let files = Files::of(&emulator, "slow");
    let run = files.register(&files.host, &["--timeout", "3"]).await;
    assert_eq!(run.code, 5, "{run:?}");
    let error = &run.stderr[run.stderr.find("error: ").expect("an error")..];
    assert_eq!(error.matches("operation").count(), 1, "{run:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_refused_websocket_has_what_the_services_json_says() {
    let body =
        r#"{"errorCode":401002,"trackingId":"abc-1","message":"Unauthorized.","timestampUtc":"2026-01-02T03:04:05Z"}"#;
    let ca = Ca::root();
    let tls = acceptor(ca.server("localhost", |_| {}), ClientCertificates::None, &BOTH_VERSIONS);
    let (address, _tasks) = serve("localhost", move |stream| {
        let tls = tls.clone();
        async move {
            let mut stream = tls.accept(stream).await.expect("TLS");
            let _ = stream.read(&mut [0; 4096]).await;
            let head = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let emulator = Emulator::builder().start_in_memory().expect("a CA");
    let files = Files::of(&emulator, "device-1");
    let (host, ca) = (
        format!("localhost:{}", address.port()),
        files.write("other-ca.pem", &ca.certificate().pem()),
    );
    let run = files.register(&host, &["--websocket", "--ca", &ca]).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(support(&run), "tracking id abc-1, time 2026-01-02T03:04:05Z");
    let run = files.register(&host, &["--websocket", "--ca", &ca, "--json"]).await;
    assert_eq!(run.kind(), "unauthorized", "{run:?}");
    let error = run.error();
    assert_eq!(
        (&error["status"], &error["errorCode"]),
        (&401.into(), &401_002.into()),
        "{run:?}"
    );
    assert_eq!(error["trackingId"], "abc-1", "{run:?}");
    assert!(run.message().ends_with("Unauthorized"), "{run:?}");
}

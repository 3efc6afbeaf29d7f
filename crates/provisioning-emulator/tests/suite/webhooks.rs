//! Custom allocation: webhooks on sockets of this machine, in real time.

use std::{fs, sync::Arc};

use provisioning_emulator::{AllocationPolicy, Builder, Emulator, Enrollment, Folder, LogEntry, LogKind};
use rustls::{ServerConfig, crypto::ring};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    control::call,
    support::{Device, PAYLOAD, builder, notes, plain, register_topic, tls},
};

/// A webhook that gives each call the same answer, and its calls.
struct Webhook {
    address: String,
    calls: mpsc::UnboundedReceiver<String>,
}

impl Webhook {
    async fn start(status: &'static str, answer: Value, tls: Option<TlsAcceptor>) -> Self {
        Self::start_with_text(status, answer.to_string(), tls).await
    }

    async fn start_with_text(status: &'static str, answer: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("localhost:{}", listener.local_addr().expect("an address").port());
        let (sender, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let call = match &tls {
                    None => serve(stream, status, &answer).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => serve(stream, status, &answer).await,
                        Err(_) => continue,
                    },
                };
                let _ = sender.send(call);
            }
        });
        Self { address, calls }
    }

    /// The body of the next call.
    async fn call(&mut self) -> Value {
        serde_json::from_str(&self.calls.recv().await.expect("a call")).expect("JSON")
    }
}

/// Answers one call, and returns its body.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: &str, answer: &str) -> String {
    let mut request = String::new();
    let body = loop {
        let mut part = vec![0; 4096];
        let length = stream.read(&mut part).await.expect("a request");
        request += std::str::from_utf8(&part[..length]).expect("text");
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        if body.len() == length {
            break body.to_owned();
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all((head + answer).as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("closed");
    body
}

fn start(builder: Builder, enrollment: Enrollment) -> Emulator {
    builder
        .only_enrollments()
        .polls_before_assigning(0)
        .enrollment(enrollment)
        .start_in_memory()
        .expect("an emulator")
}

/// The registration state once the webhook has been called.
async fn registered(emulator: &Emulator, body: &Value) -> Value {
    let mut device = Device::ready(plain(emulator), "Dev-1").await;
    let mut answer = device.request(&register_topic("r"), &body.to_string()).await;
    if answer.body["status"] == "assigning" {
        emulator.wait_for(|entry| entry.kind == LogKind::Webhook).await;
    }
    while answer.body["status"] == "assigning" {
        let operation = answer.body["operationId"].as_str().expect("an id").to_owned();
        answer = device.query(&operation).await;
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["registrationState"].take()
}

fn enrollment(url: &str) -> Enrollment {
    let keyed = Enrollment::individual("dev-1").symmetric_keys("a2V5", "a2V5");
    keyed.hubs(["one", "two"], AllocationPolicy::Custom).webhook(url)
}

#[tokio::test]
async fn a_webhook_selects_the_hub_and_returns_the_payload() {
    let answer = json!({"iotHubHostName": "two", "payload": {"from": "hook"}, "initialTwin": {"tags": {}}});
    let mut webhook = Webhook::start("200 OK", answer, None).await;
    let url = format!("http://{}/allocate?code=x", webhook.address);
    let emulator = start(builder(), enrollment(&url));
    let state = registered(&emulator, &json!({"registrationId": "Dev-1", "payload": {"a": [null]}})).await;
    assert_eq!(
        (&state["status"], &state["assignedHub"], &state["payload"]),
        (&json!("assigned"), &json!("two"), &json!({"from": "hook"}))
    );
    let call = webhook.call().await;
    let context = json!({"registrationId": "Dev-1", "symmetricKey": {}, "payload": {"a": [null]}});
    assert_eq!(call["deviceRuntimeContext"], context);
    assert_eq!(call["linkedHubs"], json!(["one", "two"]));
    let enrollment = &call["individualEnrollment"];
    assert_eq!(
        (&enrollment["registrationId"], &enrollment["allocationPolicy"]),
        (&json!("dev-1"), &json!("custom"))
    );
    assert_eq!(enrollment["attestation"]["symmetricKey"], json!({}), "without keys");
    assert!(call.get("enrollmentGroup").is_none(), "{call}");
    assert_eq!(
        notes(&emulator, "webhook"),
        [format!("POST http://{}/allocate: two", webhook.address)]
    );
}

#[tokio::test]
async fn the_initial_twin_of_a_webhook_is_shown_by_the_emulator_and_not_sent_to_the_device() {
    let twin = format!(r#"{{"tags": {PAYLOAD}}}"#);
    let answer = format!(r#"{{"iotHubHostName":"two","payload":1.0,"initialTwin":{twin}}}"#);
    let webhook = Webhook::start_with_text("200 OK", answer, None).await;
    let emulator = start(builder(), enrollment(&format!("http://{}/", webhook.address)));
    let state = registered(&emulator, &json!({"registrationId": "Dev-1"})).await;
    assert!(state.get("initialTwin").is_none(), "{state}");
    assert_eq!(emulator.registrations()[0].initial_twin.as_ref(), Some(&twin));
    let shown = call(&emulator, "GET", "/emulator/registrations").await;
    assert!(shown.body.contains(&format!(r#""initialTwin":{twin}"#)), "{shown:?}");
    assert!(shown.body.contains(r#""payload":1.0"#), "{shown:?}");
    for path in ["/registrations/dev-1", "/enrollments/dev-1"] {
        let of_service = call(&emulator, "GET", path).await;
        assert!(!of_service.body.contains("tags"), "{of_service:?}");
    }
}

#[tokio::test]
async fn payloads_reach_the_webhook_and_the_device_unchanged() {
    let returned = PAYLOAD.replace("1.0", "2.0");
    let answer = format!(r#"{{"iotHubHostName":"two","payload":{returned}}}"#);
    let mut webhook = Webhook::start_with_text("200 OK", answer, None).await;
    let emulator = start(builder(), enrollment(&format!("http://{}/", webhook.address)));
    let mut device = Device::ready(plain(&emulator), "Dev-1").await;
    let body = format!(r#"{{"registrationId":"Dev-1","payload":{PAYLOAD}}}"#);
    let first = device.request(&register_topic("r"), &body).await;
    emulator.wait_for(|entry| entry.kind == LogKind::Webhook).await;
    device.query(first.body["operationId"].as_str().expect("an id")).await;

    let call = webhook.calls.recv().await.expect("a call");
    assert!(call.contains(PAYLOAD), "{call}");
    let last = emulator.log().into_iter().rev().find(|entry| entry.status == Some(200));
    let last = last.and_then(|entry| entry.payload.clone()).expect("an answer");
    assert!(last.contains(&returned), "{last}");
}

#[tokio::test]
async fn a_group_s_webhook_over_https_is_verified_with_the_given_ca_only() {
    let (dir, other) = (tempfile::tempdir().expect("a folder"), builder());
    let ca = Folder::new(dir.path())
        .equip(other)
        .expect("a CA")
        .start_in_memory()
        .expect("an emulator");
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("a file");
    let (chain, key) = tls::identity(&read("server.pem"), &read("server.key"));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut webhook = Webhook::start("200 OK", json!({"iotHubHostName": "one"}), Some(acceptor)).await;
    let group = || {
        let group = Enrollment::group("g").own_ca().hubs(["one"], AllocationPolicy::Custom);
        group.webhook(format!("https://{}/", webhook.address))
    };
    let body = json!({"registrationId": "Dev-1"});

    let state = registered(&start(builder().webhook_ca(ca.ca_pem()), group()), &body).await;
    assert_eq!((&state["assignedHub"], state.get("payload")), (&json!("one"), None));
    let state = registered(&start(builder(), group()), &body).await;
    assert_eq!(
        (&state["status"], &state["errorCode"]),
        (&json!("failed"), &json!(400_207)),
        "{state}"
    );

    let call = webhook.call().await;
    assert_eq!(call["enrollmentGroup"]["enrollmentGroupId"], "g");
    assert_eq!(
        call["deviceRuntimeContext"],
        json!({"registrationId": "Dev-1", "x509": {}})
    );
    assert!(webhook.calls.try_recv().is_err(), "one call only");
}

#[tokio::test]
async fn a_webhook_that_fails_fails_the_registration() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port")
        .local_addr()
        .expect("an address");
    let broken = Webhook::start("500 Internal Server Error", json!({}), None).await;
    let unlinked = Webhook::start("200 OK", json!({"iotHubHostName": "three"}), None).await;
    for (address, reason) in [
        (closed.to_string(), "it cannot be connected to"),
        (broken.address.clone(), "it answered with status 500"),
        (unlinked.address.clone(), "the hub \"three\" is not linked"),
    ] {
        let emulator = start(builder(), enrollment(&format!("http://{address}/")));
        let state = registered(&emulator, &json!({"registrationId": "Dev-1", "payload": 1})).await;
        assert_eq!(
            (&state["status"], &state["errorCode"]),
            (&json!("failed"), &json!(400_207)),
            "{state}"
        );
        let message = state["errorMessage"].as_str().expect("a message");
        assert!(
            message.starts_with("Custom allocation failed") && message.contains(reason),
            "{message}"
        );
        assert!(
            state.get("assignedHub").is_none() && state.get("payload").is_none(),
            "{state}"
        );
        let logged = notes(&emulator, "webhook");
        assert!(
            logged.len() == 1 && logged[0].starts_with(&format!("POST http://{address}/: {reason}")),
            "{logged:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_query_after_the_log_entry_of_a_webhook_gets_the_outcome() {
    let answer = json!({"iotHubHostName": "two", "payload": "x".repeat(500_000)});
    let webhook = Webhook::start("200 OK", answer, None).await;
    let group = Enrollment::group("g")
        .own_ca()
        .hubs(["two"], AllocationPolicy::Custom)
        .webhook(format!("http://{}/", webhook.address));
    let emulator = Arc::new(start(builder(), group));
    let is_webhook = |entry: &LogEntry| entry.kind == LogKind::Webhook;
    let mut device = Device::ready(plain(&emulator), "d").await;
    // Reads the large registrations all the time, which delays changes of them.
    let reader = Arc::downgrade(&emulator);
    let reader = std::thread::spawn(move || {
        while let Some(emulator) = reader.upgrade() {
            emulator.registrations();
        }
    });
    let mut last = 0;
    for calls in 1..=20 {
        let first = device.register("d").await;
        last = emulator.wait_for(|entry| is_webhook(entry) && entry.n > last).await.n;
        let answer = device.query(first.body["operationId"].as_str().expect("an id")).await;
        assert_eq!(answer.body["status"], "assigned", "after {calls} calls");
    }
    drop(emulator);
    reader.join().expect("the reader has ended");
}

#[tokio::test]
async fn a_device_that_must_stay_at_its_hub_needs_no_webhook() {
    let mut webhook = Webhook::start("200 OK", json!({"iotHubHostName": "two"}), None).await;
    let staying = enrollment(&format!("http://{}/", webhook.address)).reprovisioning(false, false);
    let emulator = start(builder(), staying);
    for _ in 0..2 {
        let state = registered(&emulator, &json!({"registrationId": "Dev-1"})).await;
        assert_eq!(
            (&state["assignedHub"], &state["substatus"]),
            (&json!("two"), &json!("initialAssignment"))
        );
    }
    webhook.calls.recv().await.expect("a call");
    assert!(webhook.calls.try_recv().is_err(), "one call only");
}

#[tokio::test]
async fn a_webhook_is_not_called_for_a_disabled_enrollment_or_another_policy() {
    let mut webhook = Webhook::start("200 OK", json!({"iotHubHostName": "two"}), None).await;
    let url = format!("http://{}/", webhook.address);
    let other = enrollment(&url).hubs(["one", "two"], AllocationPolicy::Static);
    for (enrollment, status) in [(enrollment(&url).disabled(), "disabled"), (other, "assigned")] {
        let state = registered(&start(builder(), enrollment), &json!({"registrationId": "Dev-1"})).await;
        assert_eq!(state["status"], status);
    }
    assert!(webhook.calls.try_recv().is_err(), "no call");
}

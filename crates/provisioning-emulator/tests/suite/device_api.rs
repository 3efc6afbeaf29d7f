//! The HTTPS device API on the WebSocket port, and the answers to other protocols at each port.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use provisioning_emulator::{
    Cut, Device, Effect, Emulator, Enrollment, Fault, LogKind, Port, RetryAfter, Security, Step,
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::support::{
    ID_SCOPE, builder, exchange,
    http::{Answer, send, upgrade},
    in_memory, notes, plain,
    tls::{BOTH, connect, connector},
};

const KEY: &str = "cHJpbWFyeQ==";

/// One call, with this Authorization header unless it is empty.
fn request(method: &str, path: &str, authorization: &str, body: &str) -> String {
    let authorization = match authorization {
        "" => String::new(),
        text => format!("Authorization: {text}\r\n"),
    };
    format!(
        "{method} {path}?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost:443\r\nConnection: close\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn path(id: &str, rest: &str) -> String {
    format!("/{ID_SCOPE}/registrations/{id}{rest}")
}

fn web(emulator: &Emulator) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
    emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024)
}

/// One call of a device without TLS, whose registration id is accepted.
async fn call(emulator: &Emulator, method: &str, path: &str, body: &str) -> Answer {
    send(web(emulator), &request(method, path, "", body)).await
}

async fn register(emulator: &Emulator, id: &str) -> Answer {
    let body = json!({"registrationId": id}).to_string();
    call(emulator, "PUT", &path(id, "/register"), &body).await
}

fn token(id: &str, key: &str) -> String {
    let resource = format!("{ID_SCOPE}%2Fregistrations%2F{id}");
    let mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).expect("base64")).expect("a key");
    let mac = mac.chain_update(format!("{resource}\n99999999999")).finalize();
    let signature = STANDARD.encode(mac.into_bytes());
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se=99999999999&skn=registration")
}

#[tokio::test(start_paused = true)]
async fn a_device_registers_queries_and_looks_up_its_state() {
    let emulator = in_memory();
    let first = register(&emulator, "Dev-1").await;
    assert_eq!(first.status, 202, "{first:?}");
    assert_eq!(first.header("retry-after"), Some("3"));
    let id = first.json()["operationId"].as_str().expect("an id").to_owned();
    let location =
        format!("https://localhost:443/{ID_SCOPE}/registrations/Dev-1/operations/{id}?api-version=2021-06-01");
    assert_eq!(first.header("location"), Some(location.as_str()));
    assert_eq!(first.json()["status"], "assigning");

    let done = call(&emulator, "GET", &path("dev-1", &format!("/operations/{id}")), "").await;
    assert_eq!((done.status, done.header("retry-after")), (200, None));
    let state = done.json()["registrationState"].clone();
    assert_eq!(
        (&state["status"], &state["deviceId"]),
        (&json!("assigned"), &json!("Dev-1"))
    );
    let looked_up = call(&emulator, "POST", &path("Dev-1", ""), r#"{"registrationId":"Dev-1"}"#).await;
    assert_eq!((looked_up.status, looked_up.json()), (200, state));

    let unknown = call(&emulator, "GET", &path("Dev-1", "/operations/4.none"), "").await;
    assert_eq!(unknown.refusal(404), 404_203);
    assert_eq!(
        call(&emulator, "POST", &path("other", ""), "").await.refusal(404),
        404_202
    );
}

#[tokio::test(start_paused = true)]
async fn a_signing_request_works_and_the_lookup_has_no_chain() {
    let emulator = builder()
        .polls_before_assigning(0)
        .start_in_memory()
        .expect("an emulator");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "d");
    let csr = STANDARD.encode(params.serialize_request(&key).expect("a request").der());
    let body = json!({"registrationId": "d", "csr": csr}).to_string();
    let request = request("PUT", &path("d", "/register"), "", &body).replace("2021-06-01", "2026-11-01");
    let done = send(web(&emulator), &request).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(
        done.json()["registrationState"]["issuedCertificateChain"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let looked_up = call(&emulator, "POST", &path("d", ""), "").await.json();
    assert_eq!(
        (&looked_up["status"], looked_up.get("issuedCertificateChain")),
        (&json!("assigned"), None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_certificate_or_a_token_is_needed_for_every_call() {
    let emulator = in_memory();
    emulator
        .enroll(Enrollment::individual("keyed").symmetric_keys(KEY, KEY))
        .expect("an enrollment");
    let calls = [("PUT", "/register"), ("GET", "/operations/4.x"), ("POST", "")];
    for (method, rest) in calls {
        for (authorization, reason) in [
            (String::new(), "the device has neither a client certificate nor a token"),
            (token("keyed", "b3RoZXI="), "the token is signed with another key"),
            (token("other", KEY), "the token is for another registration"),
            ("Bearer x".to_owned(), "the token is not a SharedAccessSignature"),
        ] {
            let stream = emulator.connect(Port::WebSocket, Security::Tls, 64 * 1024);
            let anonymous = connector(emulator.ca_pem(), None, &BOTH);
            let stream = connect(&anonymous, "localhost", stream).await.expect("TLS");
            let answer = send(stream, &request(method, &path("keyed", rest), &authorization, "")).await;
            assert_eq!(answer.refusal(401), 401_002, "{method} {reason}");
            let message = answer.json()["message"].as_str().expect("text").to_owned();
            assert!(message.starts_with(&format!("Unauthorized: {reason}")), "{message}");
            assert_eq!(answer.header("www-authenticate"), Some("SharedAccessSignature"));
        }
    }
    let stream = emulator.connect(Port::WebSocket, Security::Tls, 64 * 1024);
    let stream = connect(&connector(emulator.ca_pem(), None, &BOTH), "localhost", stream)
        .await
        .expect("TLS");
    let registered = send(
        stream,
        &request("PUT", &path("keyed", "/register"), &token("keyed", KEY), ""),
    )
    .await;
    assert_eq!(registered.status, 202, "{registered:?}");

    let identity = emulator.issue_device("d").expect("a certificate");
    for (id, status) in [("d", 202), ("other", 401)] {
        let stream = emulator.connect(Port::WebSocket, Security::Tls, 64 * 1024);
        let device = connector(emulator.ca_pem(), Some(&identity), &BOTH);
        let stream = connect(&device, "localhost", stream).await.expect("TLS");
        let answer = send(stream, &request("PUT", &path(id, "/register"), "", "")).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_id_scope_and_an_api_version_that_is_missing_or_no_date_are_refused() {
    let emulator = in_memory();
    let other = call(&emulator, "PUT", "/0neOther/registrations/d/register", "").await;
    assert_eq!(other.refusal(401), 401_002);
    assert!(other.body.contains("is not the emulator's"), "{other:?}");
    for query in ["", "?api-version=", "?api-version=banana", "?api-version=2031-13-77"] {
        let call = request("PUT", &path("d", "/register"), "", "").replace("?api-version=2021-06-01", query);
        let answer = send(web(&emulator), &call).await;
        assert_eq!(answer.refusal(400), 400_004, "{query}");
        assert!(answer.body.contains("api-version"), "{answer:?}");
    }
    let utf8 = call(&emulator, "PUT", &path("%ff", "/register"), "").await;
    assert_eq!(utf8.refusal(400), 400_004);
    assert_eq!(utf8.json()["message"], "The path is not UTF-8.");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_registration_id_is_refused_with_any_credential() {
    let emulator = in_memory();
    let group_key = STANDARD.decode(emulator.group_key()).expect("base64");
    for id in ["a b", "a.", "ä", &"x".repeat(129)] {
        let path = path(&utf8_percent_encode(id, NON_ALPHANUMERIC).to_string(), "/register");
        let mac = Hmac::<Sha256>::new_from_slice(&group_key).expect("a key");
        let key = STANDARD.encode(mac.chain_update(id).finalize().into_bytes());
        for authorization in [String::new(), token(id, &key)] {
            let answer = send(web(&emulator), &request("PUT", &path, &authorization, "")).await;
            assert_eq!(answer.refusal(401), 401_002);
            assert_eq!(
                answer.json()["message"],
                format!("Unauthorized: the registration id {id:?} is not valid.")
            );
        }
    }
    assert!(emulator.registrations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn descriptions_of_devices_apply_as_over_mqtt() {
    let emulator = builder()
        .device(Device::new("throttled").throttled(429, 1, RetryAfter::Verbatim("soon".to_owned())))
        .device(Device::new("refused").refused(404, 404_201, "Not found."))
        .device(Device::new("failed").failed(400_209, "no hub").polls_before_outcome(0))
        .start_in_memory()
        .expect("an emulator");
    let throttled = register(&emulator, "throttled").await;
    assert_eq!(
        (throttled.refusal(429), throttled.header("retry-after")),
        (429_001, Some("soon"))
    );
    assert_eq!(register(&emulator, "throttled").await.status, 202);
    assert_eq!(register(&emulator, "refused").await.refusal(404), 404_201);
    assert_eq!(register(&emulator, "failed").await.json()["status"], "failed");
}

#[tokio::test(start_paused = true)]
async fn faults_of_an_answer_apply_to_a_reply() {
    let refuse = |code, retry_after| Effect::Refuse { code, retry_after };
    let inject = |emulator: &Emulator, effect| emulator.inject(Fault::new(effect, Step::Answer).expect("a fault"));
    let emulator = in_memory();
    let register_call = request("PUT", &path("d", "/register"), "", "");
    let raw = async || exchange(web(&emulator), register_call.as_bytes()).await;

    inject(&emulator, refuse(Some(503), Some(7)));
    let refused = register(&emulator, "d").await;
    assert_eq!(
        (refused.refusal(503), refused.header("retry-after")),
        (503_000, Some("7"))
    );
    inject(&emulator, Effect::Body("x".to_owned()));
    assert_eq!(register(&emulator, "d").await.body, "x");
    inject(&emulator, Effect::TruncatedBody);
    serde_json::from_str::<Value>(&register(&emulator, "d").await.body).expect_err("half of it");
    inject(&emulator, Effect::Delay(Duration::from_secs(9)));
    let start = Instant::now();
    assert_eq!(register(&emulator, "d").await.status, 202);
    assert_eq!(start.elapsed().as_secs(), 9);

    inject(&emulator, Effect::Close(Cut::Now));
    assert_eq!(raw().await, [0; 0]);
    inject(&emulator, Effect::Close(Cut::AfterSent(12)));
    assert_eq!(raw().await, b"HTTP/1.1 202");
    inject(&emulator, Effect::Garbage);
    assert!(raw().await.ends_with(b"garbage\r\n\r\n"));
    inject(
        &emulator,
        Effect::Split {
            size: 5,
            pause: Duration::from_millis(100),
        },
    );
    let start = Instant::now();
    assert_eq!(register(&emulator, "d").await.json()["status"], "assigning");
    assert!(start.elapsed() > Duration::from_secs(3), "{:?}", start.elapsed());
    inject(&emulator, Effect::Reset(Cut::Now));
    let mut stream = web(&emulator);
    stream.write_all(register_call.as_bytes()).await.expect("sent");
    stream.read_u8().await.expect_err("a reset");
    inject(&emulator, Effect::Withhold);
    let waiting = register(&emulator, "d");
    timeout(Duration::from_secs(50), waiting).await.expect_err("no reply");
    assert_eq!(notes(&emulator, "fault").len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_refused_upgrade_refuses_a_call_too() {
    let emulator = in_memory();
    let effect = Effect::Refuse {
        code: Some(502),
        retry_after: None,
    };
    emulator.inject(Fault::new(effect, Step::Upgrade).expect("a fault"));
    assert_eq!(register(&emulator, "d").await.refusal(502), 502_000);
    let log = emulator.log();
    let calls = log.iter().filter(|entry| entry.kind == LogKind::Http);
    let statuses: Vec<_> = calls.map(|entry| entry.status).collect();
    assert_eq!(statuses, [None, Some(502)]);
    assert_eq!(register(&emulator, "d").await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn calls_and_replies_are_logged_without_tokens() {
    let emulator = in_memory();
    let call = request(
        "PUT",
        &path("d", "/register"),
        &token("d", KEY),
        r#"{"registrationId":"d"}"#,
    );
    send(web(&emulator), &call).await;
    let log = emulator.log();
    let entries: Vec<_> = log.iter().filter(|entry| entry.kind == LogKind::Http).collect();
    let topic = format!("PUT /{ID_SCOPE}/registrations/d/register");
    assert_eq!(entries.len(), 2, "{log:?}");
    assert!(entries.iter().all(|entry| entry.topic.as_ref() == Some(&topic)));
    assert!(
        entries
            .iter()
            .all(|entry| entry.registration_id.as_deref() == Some("d"))
    );
    assert_eq!(entries[0].payload, None, "the body of a refused call is not read");
    assert_eq!(entries[1].status, Some(401));
    assert!(!format!("{log:?}").contains("sig="), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_logged_when_it_arrives_and_a_reply_when_it_is_sent_whole() {
    let split = Effect::Split {
        size: 50,
        pause: Duration::from_millis(1),
    };
    let delay = Effect::Delay(Duration::from_secs(9));
    for (effect, early, late) in [
        (Effect::Withhold, vec![None], vec![None]),
        (Effect::Close(Cut::AfterSent(12)), vec![None], vec![None]),
        (Effect::Reset(Cut::Now), vec![None], vec![None]),
        (Effect::Garbage, vec![None], vec![None]),
        (delay, vec![None], vec![None, Some(202)]),
        (split, vec![None, Some(202)], vec![None, Some(202)]),
    ] {
        let emulator = in_memory();
        let name = format!("{effect:?}");
        emulator.inject(Fault::new(effect, Step::Answer).expect("a fault"));
        let mut stream = web(&emulator);
        let call = request("PUT", &path("d", "/register"), "", "");
        stream.write_all(call.as_bytes()).await.expect("sent");
        for (wait, expected) in [(1, early), (9, late)] {
            sleep(Duration::from_secs(wait)).await;
            let log = emulator.log();
            let calls = log.iter().filter(|entry| entry.kind == LogKind::Http);
            let statuses: Vec<_> = calls.map(|entry| entry.status).collect();
            assert_eq!(statuses, expected, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_an_unknown_call_lists_the_supported_calls() {
    let emulator = in_memory();
    for path in [
        "/",
        "/$iothub/websocket",
        "/devices/d/messages/events",
        "/0ne/registrations",
    ] {
        let answer = call(&emulator, "GET", path, "").await;
        assert_eq!(answer.refusal(404), 404_001, "{path}");
        assert!(
            answer.body.contains("/register") && answer.body.contains("AMQP"),
            "{answer:?}"
        );
    }
    let answer = call(&emulator, "DELETE", &path("d", "/register"), "").await;
    assert_eq!((answer.refusal(405), answer.header("allow")), (405_001, Some("PUT")));
    let log = emulator.log();
    let logged: Vec<_> = log
        .iter()
        .filter(|entry| entry.kind == LogKind::Http && entry.status.is_some())
        .filter_map(|entry| entry.topic.as_deref())
        .collect();
    assert_eq!(
        logged[2..4],
        ["GET /devices/d/messages/events", "GET /0ne/registrations"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_amqp_over_a_websocket_says_that_it_is_not_supported() {
    let emulator = in_memory();
    let answer = send(web(&emulator), &upgrade("/$iothub/websocket?a=b", "AMQPWSB10")).await;
    assert_eq!(answer.refusal(400), 400_004);
    assert!(answer.body.contains("AMQP is not supported"), "{answer:?}");
    let answer = send(web(&emulator), &upgrade("/other", "mqtt")).await;
    assert_eq!(answer.refusal(404), 404_001);
    assert_eq!(
        notes(&emulator, "websocket"),
        [
            "The sub-protocol is AMQPWSB10; expected mqtt (Sec-WebSocket-Protocol). The emulator has MQTT over WebSocket only; AMQP is not supported.",
            "There is no WebSocket at /other. MQTT over WebSocket is at /$iothub/websocket."
        ]
    );
    let answered = exchange(web(&emulator), b"AMQP\x03\x01\x00\x00").await;
    assert!(String::from_utf8_lossy(&answered).contains("AMQP is not supported"));
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_http_and_amqp_at_the_mqtt_port_names_the_right_port() {
    let emulator = in_memory();
    let answer = send(plain(&emulator), &request("PUT", &path("d", "/register"), "", "{}")).await;
    assert_eq!(answer.refusal(400), 400_004);
    assert!(
        answer.body.contains("HTTPS device API") && answer.body.contains("WebSocket port"),
        "{answer:?}"
    );
    let answered = exchange(plain(&emulator), b"AMQP\x00\x01\x00\x00").await;
    let answered = String::from_utf8_lossy(&answered);
    assert!(
        answered.starts_with("This port") && answered.contains("AMQP is not supported"),
        "{answered}"
    );
    assert_eq!(
        notes(&emulator, "refused"),
        [
            format!("the first bytes are HTTP, PUT /{ID_SCOPE}/registrations/d/register, and this port has MQTT 3.1.1"),
            "the first bytes are AMQP, and this port has MQTT 3.1.1".to_owned()
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_http_without_tls_says_that_the_port_has_tls() {
    let emulator = in_memory();
    for port in [Port::Mqtt, Port::WebSocket, Port::Control] {
        let stream = emulator.connect(port, Security::Tls, 64 * 1024);
        let answer = send(stream, "GET /a?b HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(answer.refusal(400), 400_004);
        assert!(answer.body.contains("TLS only"), "{answer:?}");
    }
    // The last one is logged once it is closed.
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        notes(&emulator, "tls"),
        ["the first bytes are HTTP, GET /a, without TLS: this port has TLS only"; 3]
    );
}

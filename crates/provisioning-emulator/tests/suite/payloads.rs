//! Payloads: the text of a device's request is the same wherever it is shown, and when it is returned.

use provisioning_emulator::{AllocationPolicy, Direction, Enrollment, LogKind, Port, Security};

use crate::{
    control::call,
    support::{
        Device, ID_SCOPE, PAYLOAD, builder,
        http::{look, send},
        plain, register_topic,
    },
};

#[tokio::test(start_paused = true)]
async fn a_payload_is_returned_logged_and_shown_unchanged() {
    let own = Enrollment::individual("d").own_ca();
    let group = Enrollment::group("g").own_ca();
    let emulator = builder()
        .only_enrollments()
        .polls_before_assigning(0)
        .enrollment(own.hubs(["hub"], AllocationPolicy::Custom))
        .enrollment(group.hubs(["hub"], AllocationPolicy::Custom))
        .start_in_memory()
        .expect("an emulator");
    for id in ["d", "member"] {
        let mut device = Device::ready(plain(&emulator), id).await;
        let body = format!(r#"{{"registrationId":"{id}","payload":{PAYLOAD}}}"#);
        let answer = device.request(&register_topic("r"), &body).await;
        assert_eq!(answer.body["status"], "assigned");
    }
    let published: Vec<_> = emulator
        .log()
        .into_iter()
        .filter(|entry| entry.kind == LogKind::Publish)
        .collect();
    assert_eq!(published.len(), 4);
    for entry in published {
        let payload = entry.payload.as_deref().expect("a payload");
        assert!(payload.contains(PAYLOAD), "{:?} {payload}", entry.direction);
    }
    for registration in emulator.registrations() {
        assert_eq!(registration.payload.as_deref(), Some(PAYLOAD));
    }
    for (method, path) in [
        ("GET", "/enrollments/d"),
        ("GET", "/registrations/d"),
        ("POST", "/registrations/g/query"),
        ("GET", "/emulator/registrations"),
    ] {
        let answer = call(&emulator, method, path).await;
        assert!(
            answer.status == 200 && answer.body.contains(PAYLOAD),
            "{path} {answer:?}"
        );
    }
    let page = look(&emulator, "GET", "/state.json", "localhost").await;
    let escaped = serde_json::json!(PAYLOAD).to_string();
    assert!(page.body.contains(escaped.trim_matches('"')), "{page:?}");
}

#[tokio::test(start_paused = true)]
async fn a_payload_over_https_is_returned_and_logged_unchanged() {
    let emulator = builder()
        .polls_before_assigning(0)
        .start_in_memory()
        .expect("an emulator");
    let body = format!(r#"{{"registrationId":"d","payload":{PAYLOAD}}}"#);
    let request = |method: &str, rest: &str, body: &str| {
        format!(
            "{method} /{ID_SCOPE}/registrations/d{rest}?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for request in [request("PUT", "/register", &body), request("POST", "", "")] {
        let stream = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
        let answer = send(stream, &request).await;
        assert!(answer.status == 200 && answer.body.contains(PAYLOAD), "{answer:?}");
    }
    let log = emulator.log();
    let mut http = log.iter().filter(|entry| entry.kind == LogKind::Http);
    let is_whole = |direction: Direction, payload: &Option<String>| {
        direction == Direction::Out && payload.as_ref().is_some_and(|payload| payload.contains(PAYLOAD))
    };
    assert!(http.any(|entry| is_whole(entry.direction, &entry.payload)), "{log:?}");
}

//! Changes through the page: they need its token, its host, its origin and JSON. The page for other machines.

use std::net::{IpAddr, Ipv4Addr};

use provisioning_emulator::{Emulator, Port, Security};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{
    Device, builder,
    http::{Answer, look, send},
    in_memory, plain, stop,
};

/// A request to the page.
struct Request {
    method: &'static str,
    path: &'static str,
    host: &'static str,
    origin: Option<&'static str>,
    content_type: Option<&'static str>,
    token: Option<String>,
    body: String,
}

impl Request {
    /// As the page itself sends it.
    fn new(emulator: &Emulator, method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            host: "localhost:8080",
            origin: Some("http://localhost:8080"),
            content_type: Some("application/json"),
            token: Some(token(emulator)),
            body: String::new(),
        }
    }

    fn body(self, body: &Value) -> Self {
        let body = body.to_string();
        Self { body, ..self }
    }

    async fn send(&self, emulator: &Emulator) -> Answer {
        let headers = [
            ("Origin", self.origin),
            ("Content-Type", self.content_type),
            ("X-Page-Token", self.token.as_deref()),
        ];
        let given = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let given: String = given.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let Self {
            method,
            path,
            host,
            body,
            ..
        } = self;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{given}\r\n{body}"
        );
        send(emulator.connect(Port::Page, Security::Plain, 64 * 1024), &request).await
    }
}

fn token(emulator: &Emulator) -> String {
    let url = emulator.page_url();
    let (address, token) = url.split_once("/#token=").expect("a token");
    assert_eq!(address, format!("http://{}", emulator.page_address()));
    token.to_owned()
}

fn shared() -> Emulator {
    let builder = builder().page_listen(Ipv4Addr::UNSPECIFIED.into());
    builder.start_in_memory().expect("an emulator")
}

#[tokio::test(start_paused = true)]
async fn the_page_makes_devices_enrollments_and_faults_and_deletes_them() {
    let emulator = in_memory();
    let created = Request::new(&emulator, "POST", "/emulator/devices").body(&json!({"registrationId": "pump"}));
    let created = created.send(&emulator).await;
    assert_eq!(created.status, 200, "{created:?}");
    assert!(
        created.json()["certificate"]
            .as_str()
            .is_some_and(|pem| pem.starts_with("-----BEGIN"))
    );
    assert!(created.header("content-security-policy").is_some(), "{created:?}");

    let enrollment = json!({"registrationId": "own", "attestation": {"type": "symmetricKey"}});
    let put = Request::new(&emulator, "PUT", "/enrollments/own").body(&enrollment);
    assert_eq!(put.send(&emulator).await.status, 200);
    let fault = json!({"name": "refuse", "step": "connack", "code": 5, "device": "own"});
    for _ in 0..2 {
        let added = Request::new(&emulator, "POST", "/emulator/faults")
            .body(&fault)
            .send(&emulator)
            .await;
        assert_eq!(added.status, 200, "{added:?}");
    }
    let state = look(&emulator, "GET", "/state.json", "localhost").await.json();
    assert_eq!(state["enrollments"][0]["registrationId"], "own");
    assert_eq!(state["faults"].as_array().map(Vec::len), Some(2));

    let one = &state["faults"][0];
    let deleted = Request::new(&emulator, "DELETE", "/emulator/faults")
        .body(one)
        .send(&emulator)
        .await;
    assert_eq!(
        (deleted.status, emulator.faults().len()),
        (204, 1),
        "only one of the two"
    );
    Request::new(&emulator, "DELETE", "/emulator/faults")
        .body(one)
        .send(&emulator)
        .await;
    let missing = Request::new(&emulator, "DELETE", "/emulator/faults")
        .body(one)
        .send(&emulator)
        .await;
    missing.refusal(404);
    assert_eq!(
        Request::new(&emulator, "DELETE", "/enrollments/own")
            .send(&emulator)
            .await
            .status,
        204
    );
    assert_eq!(
        Request::new(&emulator, "POST", "/emulator/reset")
            .send(&emulator)
            .await
            .status,
        204
    );
    assert_eq!(emulator.log().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_without_the_token_the_origin_or_json_is_refused_and_changes_nothing() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    device.register("d").await;
    let other = token(&in_memory());
    let right = || Request::new(&emulator, "DELETE", "/registrations/d");
    for (request, status, reason) in [
        (Request { token: None, ..right() }, 403, "token"),
        (
            Request {
                token: Some(String::new()),
                ..right()
            },
            403,
            "token",
        ),
        (
            Request {
                token: Some(other),
                ..right()
            },
            403,
            "token",
        ),
        (
            Request {
                origin: None,
                ..right()
            },
            403,
            "Origin",
        ),
        (
            Request {
                origin: Some("null"),
                ..right()
            },
            403,
            "Origin",
        ),
        (
            Request {
                origin: Some("http://evil.example"),
                ..right()
            },
            403,
            "Origin",
        ),
        (
            Request {
                origin: Some("http://localhost:3000"),
                ..right()
            },
            403,
            "Origin",
        ),
        (
            Request {
                origin: Some("http://localhost"),
                ..right()
            },
            403,
            "Origin",
        ),
        (
            Request {
                content_type: None,
                ..right()
            },
            415,
            "application/json",
        ),
        (
            Request {
                content_type: Some("text/plain"),
                ..right()
            },
            415,
            "application/json",
        ),
        (
            Request {
                content_type: Some("application/json-seq"),
                ..right()
            },
            415,
            "application/json",
        ),
    ] {
        let refused = request.send(&emulator).await;
        refused.refusal(status);
        assert!(refused.body.contains(reason), "{refused:?}");
        assert!(refused.header("access-control-allow-origin").is_none(), "{refused:?}");
    }
    // A site whose name leads here has the origin that its host has.
    let host = "evil.example:8080";
    let rebound = Request {
        host,
        origin: Some("http://evil.example:8080"),
        ..right()
    };
    assert_eq!(rebound.send(&emulator).await.status, 403);
    let preflight = Request {
        method: "OPTIONS",
        token: None,
        ..right()
    };
    assert_eq!(preflight.send(&emulator).await.status, 403);
    assert_eq!(emulator.registrations().len(), 1);
    assert_eq!(right().send(&emulator).await.status, 204);
    assert_eq!(emulator.registrations().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_token_opens_no_other_path_and_is_on_no_page() {
    let emulator = in_memory();
    for (method, path, status) in [
        ("POST", "/", 405),
        ("PUT", "/state.json", 405),
        ("GET", "/enrollments/d", 404),
        ("GET", "/emulator/log", 404),
        ("POST", "/nowhere", 404),
        ("PATCH", "/enrollments/d", 405),
    ] {
        let answer = Request::new(&emulator, method, path).send(&emulator).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    for (token, can_change) in [
        (Some(token(&emulator)), true),
        (Some("x".to_owned()), false),
        (None, false),
    ] {
        let request = Request {
            token,
            ..Request::new(&emulator, "GET", "/state.json")
        };
        assert_eq!(request.send(&emulator).await.json()["canChange"], can_change);
    }
    for path in ["/", "/state.json", "/health"] {
        let answer = Request::new(&emulator, "GET", path).send(&emulator).await;
        assert!(!answer.body.contains(&token(&emulator)), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_for_other_machines_answers_an_address_to_everybody_and_a_name_to_the_holder_of_the_token() {
    let emulator = shared();
    let request = |host, path, with_token: bool| Request {
        host,
        token: with_token.then(|| token(&emulator)),
        ..Request::new(&emulator, "GET", path)
    };
    for host in ["localhost:8080", "172.17.0.2:8080", "[fd00::2]:8080"] {
        let state = request(host, "/state.json", false).send(&emulator).await;
        assert_eq!(
            (state.status, &state.json()["canChange"]),
            (200, &json!(false)),
            "{host}"
        );
    }
    for host in ["build.example:8080", "evil.example", "172.17.0.2.evil.example"] {
        assert_eq!(
            request(host, "/", false).send(&emulator).await.status,
            200,
            "{host}: the page has no data"
        );
        let refused = request(host, "/state.json", false).send(&emulator).await;
        assert_eq!(refused.status, 403, "{host}");
        assert!(refused.body.contains("token"), "{refused:?}");
        assert_eq!(
            request(host, "/state.json", true).send(&emulator).await.status,
            200,
            "{host}"
        );
    }
    let reset = |origin, with_token: bool| Request {
        host: "build.example:8080",
        origin: Some(origin),
        token: with_token.then(|| token(&emulator)),
        ..Request::new(&emulator, "POST", "/emulator/reset")
    };
    let statuses = [
        reset("http://build.example:8080", true).send(&emulator).await.status,
        reset("http://build.example:8080", false).send(&emulator).await.status,
        reset("http://evil.example", true).send(&emulator).await.status,
    ];
    assert_eq!(statuses, [204, 403, 403]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_page_listens_where_it_is_told_to_whatever_the_rest_does() {
    let address = IpAddr::from(Ipv4Addr::new(127, 0, 0, 3));
    let emulator = builder()
        .page_port(0)
        .page_listen(address)
        .start()
        .await
        .expect("an emulator");
    let host = format!("127.0.0.3:{}", emulator.page_port());
    assert_eq!(emulator.page_address(), host);
    let stream = TcpStream::connect(&host).await.expect("a listener");
    let request = format!("GET /state.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(send(stream, &request).await.status, 200);
    let loopback = TcpStream::connect((Ipv4Addr::LOCALHOST, emulator.page_port())).await;
    assert!(loopback.is_err(), "it listens on that address only");
    stop(emulator).await;
}

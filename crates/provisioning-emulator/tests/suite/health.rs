//! `/health`: on the control endpoint and on the page, without authorization.

use provisioning_emulator::{Emulator, Link, Port, Security};

use crate::support::{
    ID_SCOPE,
    http::{look, send},
    in_memory,
};

fn open(emulator: &Emulator, port: Port) -> Link {
    emulator.connect(port, Security::Plain, 64 * 1024)
}

fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: dps.test\r\nConnection: close\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn health_is_answered_on_both_ports_without_authorization_and_by_any_name() {
    let emulator = in_memory();
    let mut runs = vec![];
    for port in [Port::Control, Port::Page] {
        let answer = send(open(&emulator, port), &request("GET", "/health")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let health = answer.json();
        assert_eq!(
            (&health["status"], &health["idScope"]),
            (&"ok".into(), &ID_SCOPE.into())
        );
        assert_eq!(
            health.as_object().map(serde_json::Map::len),
            Some(3),
            "nothing else is shown"
        );
        runs.push(health["run"].clone());
        let head = send(open(&emulator, port), &request("HEAD", "/health")).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
    }
    assert!(runs[0].is_string(), "{runs:?}");
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], look(&in_memory(), "GET", "/health", "x").await.json()["run"]);
    assert!(emulator.log().is_empty(), "probes are not logged: {:?}", emulator.log());
}

#[tokio::test(start_paused = true)]
async fn health_has_no_other_methods_and_opens_no_other_path() {
    let emulator = in_memory();
    for (port, method, path, status) in [
        (Port::Control, "POST", "/health", 405),
        (Port::Control, "DELETE", "/health", 405),
        (Port::Control, "GET", "/health/x", 401),
        (Port::Control, "GET", "/emulator/log", 401),
        (Port::Control, "GET", "/healthy", 401),
        (Port::Page, "POST", "/health", 403),
        (Port::Page, "GET", "/health/x", 403),
    ] {
        let answer = send(open(&emulator, port), &request(method, path)).await;
        assert_eq!(answer.status, status, "{method} {path}");
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
    }
}

//! The page: its headers, its callers, and its state.

use std::net::{IpAddr, Ipv4Addr};

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_emulator::{Enrollment, Port, Security};
use rumqttc::ConnectReturnCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use crate::support::{
    Device, builder, connect_packet,
    http::{Call, look, send},
    in_memory, plain, register_topic, stop,
};

#[tokio::test(start_paused = true)]
async fn the_page_runs_its_own_script_only_and_requests_its_own_state_only() {
    let emulator = in_memory();
    let page = look(&emulator, "GET", "/", "localhost:8080").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let policy = page.header("content-security-policy").expect("a policy");
    for element in ["style", "script"] {
        assert_eq!(page.body.matches(&format!("<{element}")).count(), 1);
        let (_, rest) = page.body.split_once(&format!("<{element}>")).expect("an element");
        let (content, _) = rest.split_once(&format!("</{element}>")).expect("its end");
        let hash = STANDARD.encode(Sha256::digest(content));
        assert!(policy.contains(&format!("{element}-src 'sha256-{hash}'")), "{policy}");
    }
    assert!(
        policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"),
        "{policy}"
    );
    for sink in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        " style=",
        " onclick=",
    ] {
        assert!(!page.body.contains(sink), "{sink}");
    }
    let elsewhere = page.body.matches("://").count();
    assert_eq!(elsewhere, 1, "only the icon's name space has an address");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test(start_paused = true)]
async fn a_name_from_elsewhere_that_leads_here_is_refused() {
    let emulator = in_memory();
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
        assert_eq!(look(&emulator, "GET", "/state.json", host).await.status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example:8080",
        "127.0.0.1.evil.example",
        "",
        "192.168.0.1",
    ] {
        let refused = look(&emulator, "GET", "/state.json", host).await;
        assert_eq!(refused.status, 403, "{host}");
        assert!(refused.body.contains("http://localhost only"), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_can_only_be_looked_at() {
    let emulator = in_memory();
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let refused = look(&emulator, method, "/", "localhost").await;
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
    let head = look(&emulator, "HEAD", "/", "localhost").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(look(&emulator, "GET", "/ca.key", "localhost").await.status, 404);
    assert_eq!(
        look(&emulator, "GET", "/state.json?after=x", "localhost").await.status,
        400
    );
}

#[tokio::test(start_paused = true)]
async fn the_state_has_the_connections_and_the_log_after_a_number() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "Device").await;
    device.register("Device").await;
    let state = look(&emulator, "GET", "/state.json", "localhost").await.json();
    assert_eq!(
        state["connections"],
        json!([{"registrationId": "device", "connection": 1}])
    );
    let last = state["log"].as_array().and_then(|log| log.last()).expect("an entry")["n"].clone();
    device.ping().await;
    let news = look(&emulator, "GET", &format!("/state.json?after={last}"), "localhost")
        .await
        .json();
    let kinds: Vec<_> = news["log"]
        .as_array()
        .expect("a log")
        .iter()
        .map(|entry| &entry["kind"])
        .collect();
    assert!(
        kinds.ends_with(&[&json!("PINGREQ"), &json!("PINGRESP")]) && kinds.len() <= 3,
        "{kinds:?}"
    );
    assert_eq!((&news["run"], &news["oldest"]), (&state["run"], &json!(1)));
}

#[tokio::test(start_paused = true)]
async fn the_state_has_the_refusals_and_how_many_there_are() {
    let emulator = in_memory();
    let mut accepted = Device::ready(plain(&emulator), "accepted").await;
    accepted.register("accepted").await;
    for number in 1..=3 {
        let mut connect = connect_packet(&format!("stranger-{number}"));
        connect.login = None;
        let code = Device::over(plain(&emulator)).connect(connect).await;
        assert_ne!(code, ConnectReturnCode::Success);
    }
    let state = look(&emulator, "GET", "/state.json", "localhost").await.json();
    let refusals = state["refusals"].as_array().expect("a list").clone();
    let devices: Vec<_> = refusals.iter().map(|it| &it["registrationId"]).collect();
    assert_eq!(devices, ["stranger-1", "stranger-2", "stranger-3"]);
    assert!(
        refusals
            .iter()
            .all(|it| it["isRefusal"] == true && it["kind"] == "CONNACK"),
        "{refusals:?}"
    );
    let log = state["log"].as_array().expect("a log");
    assert_eq!(log.iter().filter(|it| it["isRefusal"] == true).count(), 3);
    assert_eq!(
        (&state["totals"]["refusals"], &state["totals"]["log"]),
        (&json!(3), &json!(log.len()))
    );
    let after = format!("/state.json?after={}", refusals[1]["n"]);
    let news = look(&emulator, "GET", &after, "localhost").await.json();
    assert_eq!(news["refusals"], json!([refusals[2]]));
    assert_eq!(news["totals"]["refusals"], 3);
}

#[tokio::test(start_paused = true)]
async fn the_exchange_of_a_device_has_all_of_its_connections_and_of_no_other() {
    let emulator = in_memory();
    for id in ["Device", "other", "device"] {
        let mut device = Device::ready(plain(&emulator), id).await;
        device.register(id).await;
    }
    let numbers = |state: &Value| {
        let exchange = state["exchange"].as_array().expect("a list");
        let mut numbers: Vec<_> = exchange.iter().filter_map(|it| it["connection"].as_u64()).collect();
        numbers.dedup();
        (exchange[0]["kind"].clone(), numbers)
    };
    for (selection, connections) in [
        ("device=DEVICE", vec![1, 3]),
        ("device=other", vec![2]),
        ("connection=3", vec![3]),
    ] {
        let path = format!("/state.json?after=100000&{selection}");
        let state = look(&emulator, "GET", &path, "localhost").await.json();
        // The connection's start, which names no device, is part of it.
        assert_eq!(numbers(&state), (json!("open"), connections), "{selection}");
    }
    for selection in ["", "&device=nobody", "&connection=9", "&connection=x"] {
        let path = format!("/state.json?after=0{selection}");
        let exchange = look(&emulator, "GET", &path, "localhost").await.json()["exchange"].clone();
        assert!(exchange.is_null() || exchange == json!([]), "{selection}: {exchange}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_lists_are_cut_with_their_totals_and_the_log_has_its_newest_entries() {
    let emulator = in_memory();
    // Connected from the beginning, and never registered again.
    let mut first = Device::ready(plain(&emulator), "first").await;
    first.register("first").await;
    for number in 0..250 {
        let id = format!("d-{number}");
        emulator.enroll(Enrollment::individual(&id)).expect("room");
        emulator
            .enroll(Enrollment::individual(format!("e-{number}")))
            .expect("room");
        let mut device = Device::ready(emulator.connect(Port::Mqtt, Security::Plain, 65_536), &id).await;
        let body = json!({"registrationId": id, "payload": "p".repeat(10_000)}).to_string();
        device.request(&register_topic("r"), &body).await;
    }
    let state = look(&emulator, "GET", "/state.json", "localhost").await.json();
    let totals = &state["totals"];
    assert_eq!(
        (
            &totals["enrollments"],
            &totals["enrollmentGroups"],
            &totals["registrations"]
        ),
        (&json!(500), &json!(2), &json!(251))
    );
    let list = |name: &str| state[name].as_array().expect("a list").clone();
    assert_eq!((list("enrollments").len(), list("enrollmentGroups").len()), (200, 2));
    let registrations = list("registrations");
    assert_eq!(registrations[0]["registrationId"], "d-249", "the newest first");
    let has = |id: &str| registrations.iter().any(|it| it["registrationId"] == id);
    assert!(registrations.len() <= 202 && !has("d-0"), "{}", registrations.len());
    assert!(has("first"), "it is connected");
    let log = list("log");
    let newest = emulator.log().last().map(|entry| entry.n);
    assert_eq!(log.last().and_then(|entry| entry["n"].as_u64()), newest);
    assert!(log.len() < emulator.log().len(), "{}", log.len());
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn enrollments_are_shown_without_their_keys() {
    let emulator = in_memory();
    let keys = json!({"primaryKey": "cHJpbWFyeQ==", "secondaryKey": "c2Vjb25kYXJ5"});
    let enrollment = json!({
        "registrationId": "d",
        "attestation": {"type": "symmetricKey", "symmetricKey": keys},
        "provisioningStatus": "disabled",
        "initialTwin": {"tags": {"owner": "not for everybody"}},
    });
    let put = Call::new(&emulator, "PUT", "/enrollments/d")
        .json(&enrollment)
        .send(&emulator)
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    let answer = look(&emulator, "GET", "/state.json", "localhost").await;
    let shown = &answer.json()["enrollments"][0];
    assert_eq!(
        (
            &shown["registrationId"],
            &shown["attestation"],
            &shown["provisioningStatus"]
        ),
        (&json!("d"), &json!("symmetricKey"), &json!("disabled"))
    );
    assert!(
        !answer.body.contains("cHJpbWFyeQ") && !answer.body.contains("c2Vjb25kYXJ5"),
        "{answer:?}"
    );
    assert!(!answer.body.contains("for everybody"), "{answer:?}");
    assert!(!answer.body.contains(&emulator.group_key()), "{answer:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_listens_on_loopback_wherever_the_rest_listens() {
    let address = IpAddr::from(Ipv4Addr::new(127, 0, 0, 2));
    let emulator = builder()
        .listen(address)
        .page_port(0)
        .start()
        .await
        .expect("an emulator");
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, emulator.page_port()))
        .await
        .expect("a listener");
    let page = send(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(page.body.starts_with("<!doctype html>"), "{page:?}");
    stop(emulator).await;
}

#[tokio::test]
async fn neither_the_page_nor_the_control_endpoint_listens_unless_asked_to() {
    let emulator = builder().start().await.expect("an emulator");
    assert_eq!((emulator.control_port(), emulator.page_port()), (0, 0));
    stop(emulator).await;
}

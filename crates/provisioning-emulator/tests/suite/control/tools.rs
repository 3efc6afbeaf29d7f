//! What only an emulator can be asked for.

use provisioning_emulator::{Effect, Fault, Step};
use rumqttc::ConnectReturnCode;
use serde_json::json;

use super::{call, put};
use crate::support::{Device, connect_packet, in_memory, plain, register_topic};

#[tokio::test(start_paused = true)]
async fn the_log_is_read_as_it_grows_and_cleared() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    let log = call(&emulator, "GET", "/emulator/log").await.json();
    let kinds: Vec<_> = log
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry| entry["kind"].clone())
        .collect();
    assert_eq!(kinds, ["open", "CONNECT", "CONNACK"]);
    let last = log[2]["n"].as_u64().expect("a number");

    device.ping().await;
    let path = format!("/emulator/log?after={last}");
    let news = call(&emulator, "GET", &path).await.json();
    assert_eq!(
        (&news[0]["kind"], &news[0]["direction"]),
        (&"PINGREQ".into(), &"in".into())
    );
    assert_eq!(news[0]["n"], last + 1);
    assert_eq!(news[0]["registrationId"], "d");
    assert!(
        news[0]["time"].as_str().is_some_and(|time| time.ends_with('Z')),
        "{news}"
    );

    assert_eq!(call(&emulator, "DELETE", "/emulator/log").await.status, 204);
    assert!(emulator.log().is_empty());
    device.ping().await;
    let log = call(&emulator, "GET", "/emulator/log").await.json();
    assert_eq!(log[0]["n"], last + 3, "numbers go on");
}

#[tokio::test(start_paused = true)]
async fn a_long_log_is_read_in_parts_that_say_where_to_go_on() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    let payload = "p".repeat(100_000);
    let body = json!({"registrationId": "d", "payload": payload}).to_string();
    for _ in 0..5 {
        device.request(&register_topic("r"), &body).await;
    }
    let (mut numbers, mut after) = (vec![], Some("0".to_owned()));
    while let Some(number) = after {
        let part = call(&emulator, "GET", &format!("/emulator/log?after={number}")).await;
        assert!(part.body.len() < 400_000, "{}", part.body.len());
        let entries = part.json();
        numbers.extend(
            entries
                .as_array()
                .expect("an array")
                .iter()
                .map(|entry| entry["n"].as_u64()),
        );
        after = part.header("x-ms-continuation").map(str::to_owned);
    }
    let all: Vec<_> = emulator.log().iter().map(|entry| Some(entry.n)).collect();
    assert_eq!(numbers, all);
    assert!(all.len() > 10, "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_number_is_refused() {
    let emulator = in_memory();
    assert_eq!(
        call(&emulator, "GET", "/emulator/log?after=-1").await.refusal(400),
        400_004
    );
}

#[tokio::test(start_paused = true)]
async fn faults_are_set_apply_to_devices_only_and_are_cleared() {
    let emulator = in_memory();
    let refused = json!({"name": "refuse", "step": "connack", "code": 5, "count": 1});
    let reset = json!({"name": "reset", "step": "tcp", "count": "always"});
    let put_both = put(&emulator, "/emulator/faults", &json!([refused, reset])).await;
    assert_eq!(put_both.status, 200, "{put_both:?}");
    assert_eq!(put_both.json()[1]["name"], "reset", "{put_both:?}");
    assert_eq!(emulator.faults().len(), 2);

    // One alone takes the place of both.
    assert_eq!(put(&emulator, "/emulator/faults", &refused).await.status, 200);
    let mut device = Device::over(plain(&emulator));
    assert_eq!(
        device.connect(connect_packet("d")).await,
        ConnectReturnCode::NotAuthorized
    );
    assert_eq!(
        call(&emulator, "GET", "/emulator/faults").await.json(),
        json!([]),
        "it has struck"
    );

    let effect = Effect::Refuse {
        code: None,
        retry_after: None,
    };
    emulator.inject(Fault::new(effect, Step::Answer).expect("a fault"));
    assert_eq!(
        call(&emulator, "GET", "/emulator/faults").await.json()[0]["step"],
        "answer"
    );
    assert_eq!(call(&emulator, "DELETE", "/emulator/faults").await.status, 204);
    assert_eq!(emulator.faults(), []);
}

#[tokio::test(start_paused = true)]
async fn invalid_faults_are_refused_and_change_nothing() {
    let emulator = in_memory();
    let fault = json!({"name": "refuse", "step": "connack"});
    assert_eq!(put(&emulator, "/emulator/faults", &fault).await.status, 200);
    for (wrong, reason) in [
        (
            json!([fault, {"name": "explode"}]),
            "Fault 2: no fault is called `explode`",
        ),
        (
            json!({"name": "refuse", "step": "pingresp"}),
            "Fault 1: the fault `refuse` cannot happen at",
        ),
        (json!("refuse"), "Fault 1: "),
    ] {
        let answer = put(&emulator, "/emulator/faults", &wrong).await;
        assert_eq!(answer.refusal(400), 400_004);
        assert!(answer.body.contains(reason), "{answer:?}");
    }
    assert_eq!(emulator.faults().len(), 1);
}

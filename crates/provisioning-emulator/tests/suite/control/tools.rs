//! What only an emulator can be asked for.

use super::call;
use crate::support::{Device, in_memory, plain};

#[tokio::test(start_paused = true)]
async fn the_log_is_read_as_it_grows_and_cleared() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    let log = call(&emulator, "GET", "/emulator/log").await.json();
    let whats: Vec<_> = log
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry| entry["what"].clone())
        .collect();
    assert_eq!(whats, ["open", "CONNECT", "CONNACK"]);
    let last = log[2]["sequence"].as_u64().expect("a number");

    device.ping().await;
    let path = format!("/emulator/log?since={last}");
    let news = call(&emulator, "GET", &path).await.json();
    assert_eq!(
        (&news[0]["what"], &news[0]["direction"]),
        (&"PINGREQ".into(), &"in".into())
    );
    assert_eq!(news[0]["sequence"], last + 1);
    assert_eq!(news[0]["registrationId"], "d");
    assert!(
        news[0]["timeUtc"].as_str().is_some_and(|time| time.ends_with('Z')),
        "{news}"
    );

    assert_eq!(call(&emulator, "DELETE", "/emulator/log").await.status, 204);
    assert!(emulator.log().is_empty());
    device.ping().await;
    let log = call(&emulator, "GET", "/emulator/log").await.json();
    assert_eq!(log[0]["sequence"], last + 3, "numbers go on");
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_none_is_refused() {
    let emulator = in_memory();
    assert_eq!(
        call(&emulator, "GET", "/emulator/log?since=-1").await.refusal(400),
        400_004
    );
}

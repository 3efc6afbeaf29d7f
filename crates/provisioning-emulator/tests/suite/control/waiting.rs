//! Calls that wait for an entry of the log.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::call;
use crate::support::{Device, in_memory, plain, stop};

#[tokio::test(start_paused = true)]
async fn a_waiting_call_is_answered_by_the_next_entry() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    let last = emulator.log().last().expect("an entry").n;
    let path = format!("/emulator/log?after={last}&wait=60");
    let started = Instant::now();
    let (answer, ()) = tokio::join!(call(&emulator, "GET", &path), async {
        sleep(Duration::from_secs(7)).await;
        device.ping().await;
    });
    assert_eq!(started.elapsed().as_secs(), 7);
    assert_eq!(answer.json()[0]["n"], last + 1);
    assert_eq!(answer.json()[0]["kind"], "PINGREQ");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_gets_what_is_there_already_at_once() {
    let emulator = in_memory();
    let _device = Device::accepted(plain(&emulator), "d").await;
    let started = Instant::now();
    let answer = call(&emulator, "GET", "/emulator/log?wait=60&after=1").await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(answer.json()[0]["n"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_without_an_entry_is_answered_with_an_empty_array_after_its_time() {
    let emulator = in_memory();
    for (seconds, waited) in [("60", 60), ("1", 1), ("0", 0)] {
        let started = Instant::now();
        let answer = call(&emulator, "GET", &format!("/emulator/log?wait={seconds}")).await;
        assert_eq!((answer.status, answer.json()), (200, json!([])));
        assert_eq!(started.elapsed().as_secs(), waited);
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_cleared_meanwhile_does_not_end_the_wait() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    emulator.clear_log();
    let (answer, ()) = tokio::join!(call(&emulator, "GET", "/emulator/log?wait=60"), async {
        sleep(Duration::from_secs(1)).await;
        device.ping().await;
    });
    assert_eq!(answer.json()[0]["kind"], "PINGREQ");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_no_number_up_to_60_is_refused() {
    let emulator = in_memory();
    for wrong in ["61", "-1", "x", "1.5", ""] {
        let answer = call(&emulator, "GET", &format!("/emulator/log?wait={wrong}")).await;
        assert_eq!(answer.refusal(400), 400_004, "{wrong}");
        assert!(answer.body.contains("from 0 to 60"), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_emulator_ends_while_calls_wait() {
    let emulator = in_memory();
    let stream = crate::support::http::control(&emulator);
    let text = crate::support::http::Call::new(&emulator, "GET", "/emulator/log?wait=60").text();
    let waiting = tokio::spawn(async move { crate::support::exchange(stream, text.as_bytes()).await });
    sleep(Duration::from_secs(1)).await;
    timeout(Duration::from_secs(5), stop(emulator))
        .await
        .expect("ended in time");
    assert_eq!(waiting.await.expect("no panic"), b"", "the call is not answered");
}

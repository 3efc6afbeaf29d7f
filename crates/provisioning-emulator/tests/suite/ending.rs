//! How connections end: keep-alive, leaving, shutdown, drop.

use std::time::Duration;

use provisioning_emulator::{Emulator, Link};
use rumqttc::{Connect, ConnectReturnCode, Packet};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::support::{Device, connect_bytes, connect_packet, in_memory, notes, plain, text, user_name};

async fn with_keep_alive(emulator: &Emulator, seconds: u16) -> Device<Link> {
    let mut device = Device::over(plain(emulator));
    let connect = Connect {
        keep_alive: seconds,
        ..connect_packet("d")
    };
    assert_eq!(device.connect(connect).await, ConnectReturnCode::Success);
    device
}

#[tokio::test(start_paused = true)]
async fn a_silent_device_is_dropped_after_one_and_a_half_times_its_keep_alive() {
    let emulator = in_memory();
    let mut device = with_keep_alive(&emulator, 20).await;
    let start = Instant::now();
    device.is_closed().await;
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(
        notes(&emulator, "refused"),
        ["no packet arrived within 30 s, one and a half times the keep-alive of 20 s"]
    );
}

#[tokio::test(start_paused = true)]
async fn any_packet_in_time_keeps_a_connection_alive() {
    let emulator = in_memory();
    let mut device = with_keep_alive(&emulator, 20).await;
    for _ in 0..10 {
        sleep(Duration::from_secs(29)).await;
        device.ping().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_packet_does_not_keep_a_connection_alive() {
    let emulator = in_memory();
    let mut device = with_keep_alive(&emulator, 20).await;
    let start = Instant::now();
    sleep(Duration::from_secs(29)).await;
    device.send_bytes(&[0xC0]).await;
    device.is_closed().await;
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_of_0_is_no_limit() {
    let emulator = in_memory();
    let mut device = with_keep_alive(&emulator, 0).await;
    sleep(Duration::from_secs(1_000_000)).await;
    device.ping().await;
}

#[tokio::test(start_paused = true)]
async fn disconnect_ends_the_connection_and_what_comes_after_it_is_not_served() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    device.send_bytes(&[0xE0, 0, 0xC0, 0]).await;
    device.is_closed().await;
    assert_eq!(notes(&emulator, "close"), ["DISCONNECT"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_without_disconnect_is_noticed_at_once() {
    let emulator = in_memory();
    drop(Device::ready(plain(&emulator), "d").await);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(notes(&emulator, "close"), ["the device is gone without DISCONNECT"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_device_that_still_sends_is_read_before_the_end_within_bounds() {
    let emulator = in_memory();
    let mut stream = plain(&emulator);
    let wrong_scope = user_name("d").replace("0ne00A1B2C3", "0neOTHER000");
    let mut sent = connect_bytes("MQTT", 4, 0x82);
    let at = sent.len() - text(&wrong_scope).len();
    sent.truncate(at);
    sent.extend(text(&wrong_scope));
    stream.write_all(&sent).await.expect("sent");
    let mut answered = Vec::new();
    let read = timeout(Duration::from_secs(60), stream.read_to_end(&mut answered)).await;
    read.expect("in time").expect("the refusal and the end");
    assert_eq!(answered, [0x20, 2, 0, 5]);
    stream.write_all(&[0; 10_000]).await.expect("somebody still reads");
    sleep(Duration::from_secs(5)).await;
    stream.write_all(&[0; 10_000]).await.expect_err("nobody reads for ever");
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_every_connection_in_an_orderly_way() {
    let emulator = in_memory();
    let mut devices = Vec::new();
    for id in ["a", "b"] {
        devices.push(Device::ready(plain(&emulator), id).await);
    }
    let ended = tokio::spawn(emulator.shutdown());
    for device in &mut devices {
        device.is_closed().await;
    }
    drop(devices);
    timeout(Duration::from_secs(5), ended)
        .await
        .expect("in time")
        .expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_emulator_ends_its_connections() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    drop(emulator);
    device.is_closed().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_due_arrives_before_the_end() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    device
        .publish(&crate::support::register_topic("1"), r#"{"registrationId":"d"}"#)
        .await;
    device.send(Packet::Disconnect).await;
    assert!(matches!(device.receive().await, Packet::PubAck(_)));
    assert_eq!(device.answer().await.status, 202);
    device.is_closed().await;
}

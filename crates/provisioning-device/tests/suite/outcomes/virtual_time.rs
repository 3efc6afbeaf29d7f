//! The whole stack against the local DPS in memory, over TLS, in paused time: long waits take no time.

use std::{sync::Arc, time::Duration};

use provisioning_client::Policy;
use provisioning_emulator::{Device, Direction, Emulator, LogKind, Port, RetryAfter};
use provisioning_mqtt::MqttOptions;
use provisioning_types::ErrorKind;
use test_support::emulator::{request, start_in_memory};

use crate::support::in_memory;

async fn register(emulator: &Arc<Emulator>, port: Port, keep_alive: Duration) -> Duration {
    let options = MqttOptions::default()
        .with_keep_alive(keep_alive)
        .expect("a keep-alive");
    let policy = Policy::default().with_registration_timeout(Duration::from_secs(24 * 3600));
    let client = in_memory::client(emulator, port, "device-1", options, policy);
    let start = tokio::time::Instant::now();
    client.register(request(emulator, "device-1")).await.expect("assigned");
    let took = start.elapsed();
    client.disconnect().await.expect("left");
    took
}

#[tokio::test(start_paused = true)]
async fn a_service_that_enforces_keep_alive_does_not_drop_a_device_that_waits_for_hours() {
    for port in [Port::Mqtt, Port::WebSocket] {
        let emulator = Emulator::builder()
            .polls_before_assigning(2)
            .retry_after(RetryAfter::Seconds(3600));
        let emulator = start_in_memory(emulator);
        let took = register(&emulator, port, Duration::from_secs(60)).await;
        assert_eq!(
            took.as_secs(),
            2 * 3600,
            "twice as long as the service asked for, no more"
        );
        let log = emulator.log();
        let count = |direction, kind| {
            log.iter()
                .filter(|entry| entry.direction == direction && entry.kind == kind)
                .count()
        };
        assert_eq!(count(Direction::In, LogKind::Connect), 1, "one connection lasted");
        assert!(count(Direction::In, LogKind::PingReq) >= 2 * 3600 / 60, "{port:?}");
        assert_eq!(
            count(Direction::In, LogKind::Publish),
            3,
            "one registration request, two queries"
        );
        assert_eq!(
            count(Direction::In, LogKind::PubAck),
            count(Direction::Out, LogKind::Publish),
            "every answer was acknowledged"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_registers_twice_at_the_same_time_asks_ten_times_more_on_the_same_connection() {
    for port in [Port::Mqtt, Port::WebSocket] {
        let device = Device::new("device-1").refused(409, 409_203, "Precondition failed.");
        let emulator = start_in_memory(Emulator::builder().device(device));
        let client = in_memory::client(&emulator, port, "device-1", MqttOptions::default(), Policy::default());
        let start = tokio::time::Instant::now();
        let error = client
            .register(request(&emulator, "device-1"))
            .await
            .expect_err("a conflict");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true));
        assert!(
            error.service().is_some_and(|service| service.tracking_id().is_some()),
            "{error:?}"
        );
        assert!((20..=31).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        let log = emulator.log();
        let count = |kind| {
            log.iter()
                .filter(|entry| entry.direction == Direction::In && entry.kind == kind)
                .count()
        };
        assert_eq!((count(LogKind::Connect), count(LogKind::Publish)), (1, 11), "{port:?}");
        client.disconnect().await.expect("left");
    }
}

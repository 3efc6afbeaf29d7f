//! Reset: everything is as at the start.

use std::time::Duration;

use provisioning_emulator::{Device as Described, Effect, Emulator, Enrollment, Fault, RetryAfter, Step};
use rumqttc::Packet;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{call, enrollment, put};
use crate::support::{Device, builder, connect_packet, http::look, plain};

/// With one enrollment, one device and one fault of its own.
fn configured() -> Emulator {
    let fault = Fault::new(Effect::Withhold, Step::Pingresp).expect("a fault");
    let builder = builder()
        .enrollment(Enrollment::individual("own"))
        .device(Described::new("slow").throttled(429, 1, RetryAfter::Seconds(1)))
        .fault(fault)
        .registrations_per_minute(1);
    builder.start_in_memory().expect("an emulator")
}

async fn enrollments(emulator: &Emulator) -> Value {
    let own = call(emulator, "POST", "/enrollments/query").await.json();
    let groups = call(emulator, "POST", "/enrollmentGroups/query").await.json();
    let keys = call(emulator, "POST", "/enrollments/own/attestationmechanism")
        .await
        .json();
    json!([own, groups, keys])
}

#[tokio::test(start_paused = true)]
async fn a_reset_makes_everything_as_it_was_at_the_start() {
    let emulator = configured();
    let (before, faults) = (enrollments(&emulator).await, emulator.faults());
    emulator.clear_log();

    // Everything changes.
    put(&emulator, "/enrollments/d", &enrollment("d")).await;
    assert_eq!(call(&emulator, "DELETE", "/enrollments/own").await.status, 204);
    assert_eq!(
        call(&emulator, "DELETE", "/enrollmentGroups/local-keys").await.status,
        204
    );
    let mut device = Device::ready(plain(&emulator), "d").await;
    assert_eq!(device.register("d").await.status, 202);
    assert_eq!(device.register("d").await.status, 429, "over the quota");
    call(&emulator, "DELETE", "/emulator/faults").await;
    emulator.inject(Fault::new(Effect::Join, Step::Suback).expect("a fault"));
    assert_eq!(emulator.registrations().len(), 1);
    let last = emulator.log().last().expect("an entry").n;

    let (reset, ()) = tokio::join!(call(&emulator, "POST", "/emulator/reset"), device.is_closed());
    assert_eq!((reset.status, reset.body.as_str()), (204, ""));
    assert!(emulator.log().is_empty(), "{:?}", emulator.log());
    assert!(emulator.registrations().is_empty());
    assert_eq!(emulator.faults(), faults);
    assert_eq!(enrollments(&emulator).await, before);

    // Quotas, too; and the numbers of the log go on.
    let mut device = Device::ready(plain(&emulator), "d").await;
    assert_eq!(device.register("d").await.status, 202);
    assert!(emulator.log()[0].n > last);
}

/// A connection that were still open would write its end into the log that follows, 2 s later at the latest.
#[tokio::test(start_paused = true)]
async fn a_reset_waits_for_the_ends_of_connections_and_does_so_for_a_device_that_never_reads() {
    let emulator = configured();
    let _silent = Device::accepted(plain(&emulator), "d").await;
    let start = Instant::now();
    emulator.reset().await;
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
    sleep(Duration::from_secs(10)).await;
    assert!(emulator.log().is_empty(), "{:?}", emulator.log());
}

#[tokio::test(start_paused = true)]
async fn resets_at_the_same_time_all_wait_for_the_ends_of_connections() {
    let emulator = configured();
    let _silent = Device::accepted(plain(&emulator), "d").await;
    let connections = async || {
        let state = look(&emulator, "GET", "/state.json", "localhost").await.json();
        state["totals"]["connections"].as_u64().expect("a number")
    };
    let reset = async || {
        let start = Instant::now();
        emulator.reset().await;
        (start.elapsed(), emulator.log().len(), connections().await)
    };
    let (one, other) = tokio::join!(reset(), reset());
    for (waited, entries, connections) in [one, other] {
        assert_eq!((entries, connections), (0, 0));
        assert!(waited >= Duration::from_secs(1), "the device does not read: {waited:?}");
    }
    sleep(Duration::from_secs(10)).await;
    assert!(emulator.log().is_empty(), "{:?}", emulator.log());
}

/// A device that tries again is not on both sides of a reset.
#[tokio::test(start_paused = true)]
async fn a_device_that_connects_during_a_reset_is_closed_and_connects_after_it() {
    let emulator = configured();
    let _silent = Device::accepted(plain(&emulator), "silent").await;
    let ((), ()) = tokio::join!(emulator.reset(), async {
        sleep(Duration::from_millis(500)).await;
        let mut again = Device::over(plain(&emulator));
        again.send(Packet::Connect(connect_packet("again"))).await;
        // CONNACK can be sent before the end.
        while again.next().await.is_some() {}
    });
    assert!(emulator.log().is_empty(), "{:?}", emulator.log());
    let mut again = Device::ready(plain(&emulator), "again").await;
    assert_eq!(again.register("again").await.status, 202);
}

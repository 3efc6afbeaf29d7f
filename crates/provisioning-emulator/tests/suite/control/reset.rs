//! Reset: everything is as at the start.

use provisioning_emulator::{Device as Described, Effect, Emulator, Enrollment, Fault, RetryAfter, Step};
use serde_json::{Value, json};

use super::{call, enrollment, put};
use crate::support::{Device, builder, plain};

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

#[tokio::test(start_paused = true)]
async fn a_reset_waits_for_the_ends_of_connections_and_does_so_for_a_device_that_never_reads() {
    let emulator = configured();
    let _silent = Device::accepted(plain(&emulator), "d").await;
    emulator.reset().await;
    assert!(emulator.log().is_empty(), "{:?}", emulator.log());
}

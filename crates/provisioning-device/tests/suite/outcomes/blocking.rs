//! The blocking calls, with and without a runtime around them.

use std::{thread, time::Duration};

use provisioning_device::ErrorKind;
use provisioning_emulator::Device;
use test_support::emulator::{local_dps, start, x509};
use tokio::runtime::Runtime;

use crate::support::{BOTH, builder};

#[test]
fn a_program_without_a_runtime_registers_again_and_again() {
    let service = Runtime::new().expect("a runtime for the service");
    let emulator = service.block_on(start(local_dps()));
    for transport in BOTH {
        let identity = emulator.issue_device("device-1").expect("a device");
        let client = builder(&emulator, x509(&identity), transport).build().expect("valid");
        for _ in 0..2 {
            let assignment = client.register_blocking().expect("assigned");
            assert_eq!(assignment.device_id(), "device-1");
        }
    }
    service.block_on(emulator.shutdown());
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_runtime_it_blocks_its_thread_and_nothing_else() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    let client = builder(&emulator, x509(&identity), BOTH[0]).build().expect("valid");
    client.register_blocking().expect("assigned");
    emulator.shutdown().await;
}

#[test]
fn another_thread_cancels_and_the_client_registers_again() {
    let service = Runtime::new().expect("a runtime for the service");
    let stuck = Device::new("stuck").never_assigned();
    let emulator = service.block_on(start(local_dps().device(stuck)));
    let identity = emulator.issue_device("stuck").expect("a device");
    for transport in BOTH {
        let client = builder(&emulator, x509(&identity), transport).build().expect("valid");
        let mut events = client.events();
        let registering = thread::spawn({
            let client = client.clone();
            move || client.register_blocking()
        });
        // Connecting, connected, assigning: the registration stands.
        service.block_on(async {
            for _ in 0..3 {
                let event = tokio::time::timeout(Duration::from_secs(20), events.next()).await;
                event.expect("in time").expect("an event");
            }
        });
        client.cancel_blocking().expect("cancelled");
        let outcome = registering.join().expect("no panic");
        assert_eq!(outcome.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    }
    service.block_on(emulator.shutdown());
}

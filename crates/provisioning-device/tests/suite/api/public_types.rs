//! What holds for every public type: it can be shared between threads, and printed.

use std::fmt::Debug;

use provisioning_device::{Builder, ProvisioningDeviceClient, Transport};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<Builder>();
    shared_and_printed::<ProvisioningDeviceClient>();
    shared_and_printed::<Transport>();
}

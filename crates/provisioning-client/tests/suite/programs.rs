//! `examples/own_transport.rs` keeps the contract of a transport, by its own tests, and registers a device.

#[path = "../../examples/own_transport.rs"]
#[expect(dead_code, reason = "nothing calls the example's `main` here")]
mod own_transport;

use test_support::{example, run};

#[tokio::test]
async fn the_example_registers_a_device() {
    let text = run(&mut example("own_transport")).await;
    assert_eq!(text, "device-1 belongs to my-hub.azure-devices.net\n");
}

//! `examples/many_devices.rs`, with fewer devices than it is made for.

use test_support::{example, run};

#[tokio::test]
async fn the_example_registers_twenty_devices_at_once() {
    let output = run(example("many_devices").arg("20")).await;
    assert!(output.starts_with("20 of 20 assigned in "), "{output}");
    assert!(output.contains("peak memory of this process: "), "{output}");
}

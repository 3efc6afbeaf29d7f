//! `examples/keys_elsewhere.rs` registers with keys that it cannot read.

use test_support::{example, run};

#[tokio::test]
async fn the_example_registers_with_both_kinds_of_keys() {
    let output = run(&mut example("keys_elsewhere")).await;
    let hub = "local-hub.azure-devices.net";
    assert_eq!(output, format!("meter-1 belongs to {hub}\nmeter-2 belongs to {hub}\n"));
}

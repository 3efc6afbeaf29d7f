//! `examples/own_stream.rs` registers a device over a pipe in memory, without TLS.

use test_support::{example, run};

#[tokio::test]
async fn the_example_registers_over_its_own_stream() {
    let text = run(&mut example("own_stream")).await;
    assert!(text.contains("mqtt://"), "{text}");
    assert!(text.contains("202: Assigning"), "{text}");
    assert!(
        text.ends_with("device-1 belongs to local-hub.azure-devices.net\n"),
        "{text}"
    );
}

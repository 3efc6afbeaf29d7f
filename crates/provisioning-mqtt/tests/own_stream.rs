//! `examples/own_stream.rs` registers a device over a pipe in memory, without TLS.

use std::process::Command;

#[test]
fn the_example_registers_over_its_own_stream() {
    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let example = target.join("examples").join("own_stream");
    let output = Command::new(&example)
        .output()
        .unwrap_or_else(|error| panic!("{} (built by `cargo test`): {error}", example.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("mqtt://"), "{text}");
    assert!(text.contains("202: Assigning"), "{text}");
    assert!(
        text.ends_with("device-1 belongs to local-hub.azure-devices.net\n"),
        "{text}"
    );
}

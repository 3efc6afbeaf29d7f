//! `examples/own_transport.rs` keeps the contract of a transport, by its own tests, and registers a device.

#[path = "../examples/own_transport.rs"]
#[expect(dead_code, reason = "nothing calls the example's `main` here")]
mod own_transport;

#[test]
fn the_example_registers_a_device() {
    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let example = target.join("examples").join("own_transport");
    let output = std::process::Command::new(&example).output();
    let output = output.unwrap_or_else(|error| panic!("{} (built by `cargo test`): {error}", example.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "device-1 belongs to my-hub.azure-devices.net\n");
}

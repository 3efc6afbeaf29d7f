//! The README's program is `examples/register.rs`, and that registers.

#[cfg(target_os = "linux")]
use test_support::{
    Files,
    emulator::{local_dps, start},
    example, run,
};

const README: &str = include_str!("../../../../../README.md");
const EXAMPLE: &str = include_str!("../../../examples/register.rs");

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let (_, rest) = README
        .split_once("```rust,no_run\n")
        .expect("a Rust block in the README");
    let (shown, _) = rest.split_once("```").expect("the block's end");
    // The example's first line says what it is for; the README says that around it.
    let (purpose, program) = EXAMPLE
        .split_once("\n\n")
        .expect("a line on the purpose, then the program");
    assert!(purpose.starts_with("//!"));
    assert_eq!(shown, program);
    assert!(shown.lines().count() <= 12, "short enough to be read at a glance");
}

/// Elsewhere the platform's trust store cannot be pointed to the local DPS's CA by a variable.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_example_registers_with_the_local_dps() {
    let emulator = start(local_dps().id_scope("0ne00A1B2C3").polls_before_assigning(0)).await;
    let device = emulator.issue_device("readme-device").expect("a device certificate");
    let files = Files::new();
    files.write("device.pem", &device.certificate_chain_pem);
    files.write("device.key", &device.private_key_pem);
    let ca_file = files.write("ca.pem", emulator.ca_pem());

    let mut example = example("register");
    example
        .current_dir(files.path(""))
        .env("PROVISIONING_HOST", emulator.mqtt_address())
        .env("SSL_CERT_FILE", ca_file);
    let text = run(&mut example).await;
    assert!(text.starts_with("readme-device belongs to "), "{text}");
    emulator.shutdown().await;
}

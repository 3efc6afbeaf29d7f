//! The README's program is the example, and the example registers.

const README: &str = include_str!("../../../README.md");
const EXAMPLE: &str = include_str!("../examples/register.rs");

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
    let emulator = provisioning_emulator::Emulator::builder()
        .id_scope("0ne00A1B2C3")
        .polls_before_assigning(0)
        .start()
        .await
        .expect("a local DPS");
    let device = emulator.issue_device("readme-device").expect("a device certificate");
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("a file");
    write("device.pem", &device.certificate_chain_pem);
    write("device.key", &device.private_key_pem);
    write("ca.pem", emulator.ca_pem());

    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let example = target.join("examples").join("register");
    let output = tokio::process::Command::new(&example)
        .current_dir(dir.path())
        .env("PROVISIONING_HOST", emulator.mqtt_address())
        .env("SSL_CERT_FILE", dir.path().join("ca.pem"))
        .output()
        .await
        .unwrap_or_else(|error| panic!("{} (built by `cargo test`): {error}", example.display()));
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(text.starts_with("readme-device belongs to "), "{text}");
    emulator.shutdown().await;
}

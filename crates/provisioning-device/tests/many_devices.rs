//! `examples/many_devices.rs`, with fewer devices than it is made for.

use std::path::Path;

#[tokio::test]
async fn the_example_registers_twenty_devices_at_once() {
    // Both are in the folder that the build put this test into, or beside it.
    let test = std::env::current_exe().expect("this test's file");
    let target = test.ancestors().nth(2).expect("target/debug/deps").to_owned();
    let output = run(&target.join("examples").join("many_devices"), "20").await;
    assert!(output.starts_with("20 of 20 assigned in "), "{output}");
    assert!(output.contains("peak memory of this process: "), "{output}");
}

async fn run(example: &Path, count: &str) -> String {
    let output = tokio::process::Command::new(example).arg(count).output().await;
    let output = output.unwrap_or_else(|error| panic!("{} (built by `cargo test`): {error}", example.display()));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

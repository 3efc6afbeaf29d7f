//! Running the examples of the tested crate.

use std::env;

use tokio::process::Command;

/// Returns a command that runs the example `name`. `cargo test` has built it, beside the running test program.
pub fn example(name: &str) -> Command {
    let test = env::current_exe().expect("the path of this test program");
    let target = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let mut command = Command::new(target.join("examples").join(name));
    command.kill_on_drop(true);
    command
}

/// Runs a program that must succeed, and returns its standard output.
pub async fn run(command: &mut Command) -> String {
    let output = command.output().await;
    let output = output.unwrap_or_else(|error| panic!("{command:?} (`cargo test` builds examples): {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

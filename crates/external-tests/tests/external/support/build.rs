//! Builds the programs of this workspace that the tests run.

use std::path::PathBuf;

use serde_json::Value;
use tokio::{process::Command, sync::OnceCell};
use tool_support::cargo::package_variables;

/// The features are those of `cargo test --workspace --all-features`, so that nothing is built twice.
const BUILD: [&str; 13] = [
    "build",
    "--workspace",
    "--exclude",
    "xtask",
    "--all-features",
    "--bin",
    "dps",
    "--bin",
    "dps-emulator",
    "--example",
    "hub",
    "--message-format",
    "json-render-diagnostics",
];

/// The path of `dps`, of `dps-emulator` or of the example `hub`. The first call builds all of them.
pub(crate) async fn build_program(name: &str) -> PathBuf {
    static PROGRAMS: OnceCell<Result<Vec<PathBuf>, String>> = OnceCell::const_new();
    let programs = PROGRAMS.get_or_init(build).await.as_ref();
    let programs = programs.unwrap_or_else(|error| panic!("{error}"));
    let program = programs
        .iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == name));
    program
        .unwrap_or_else(|| panic!("cargo did not build {name}, only {programs:?}"))
        .clone()
}

/// Removes the variables of the package of this test.
pub(crate) fn without_package_variables(cargo: &mut Command) {
    for name in package_variables() {
        cargo.env_remove(name);
    }
}

async fn build() -> Result<Vec<PathBuf>, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(BUILD).current_dir(env!("CARGO_MANIFEST_DIR"));
    without_package_variables(&mut cargo);
    let output = cargo
        .output()
        .await
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo {}` failed:\n{stderr}", BUILD.join(" ")));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(messages
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect())
}

//! The packages that start `dps-emulator` from tests in Node and in Python: their own tests, and their examples, which
//! register with the SDKs. Their READMEs show the examples.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::install;
use crate::support::{Running, build_program, installed};

#[tokio::test]
#[ignore = "needs Node: cargo xtask external"]
async fn the_node_package_passes_its_tests() {
    let mut node = installed(&["node"], "nodejs");
    node.arg("--test").current_dir(package("node"));
    passes("node --test", node).await;
}

#[tokio::test]
#[ignore = "needs Node: cargo xtask external"]
async fn devices_of_the_node_package_register_with_the_sdk() {
    let sdk = install::node_folder().await;
    // The example resolves its packages from its own folder.
    let folder = sdk.join("example");
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(package("node").join("examples/sdk.js"), folder.join("sdk.test.mjs")).expect("a copy");
    install_package(&sdk.join("node_modules/dps-emulator"));
    let mut node = installed(&["node"], "nodejs");
    node.args(["--test", "sdk.test.mjs"]).current_dir(folder);
    passes("node --test", node).await;
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn the_python_package_passes_its_tests() {
    passes("pytest", pytest("tests").await).await;
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn devices_of_the_python_package_register_with_the_sdk() {
    passes("pytest", pytest("examples").await).await;
}

#[test]
fn the_readmes_show_the_examples_that_run() {
    for (name, example) in [
        ("node", "examples/sdk.js"),
        ("python", "examples/conftest.py"),
        ("python", "examples/test_sdk.py"),
    ] {
        let read = |file| fs::read_to_string(package(name).join(file)).expect("a file");
        let (readme, example) = (read("README.md"), read(example));
        assert!(readme.contains(&example), "{name}/README.md does not show:\n{example}");
    }
}

/// The folder of a package.
fn package(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../provisioning-emulator/clients");
    crates.join(name).canonicalize().expect("the package")
}

/// The command that runs the tests in a folder of the Python package.
async fn pytest(tests: &str) -> Command {
    let mut python = install::python_with_pytest().await;
    python.args(["-m", "pytest", "-p", "no:cacheprovider", tests]);
    python.current_dir(package("python"));
    // The package is not installed, so its plugin has to be named.
    python
        .env("PYTHONPATH", "src")
        .env("PYTEST_PLUGINS", "dps_emulator.pytest_plugin");
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// Asserts that tests of a package pass. A failed test shows the end of their output.
async fn passes(name: &'static str, mut command: Command) {
    command.env("DPS_EMULATOR", build_program("dps-emulator").await);
    let output = Running::start_piped(name, &mut command).wait_with_output().await;
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
}

/// Copies the files of the Node package.
fn install_package(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    for file in ["package.json", "index.js", "control.js", "error.js", "process.js"] {
        fs::copy(package("node").join(file), folder.join(file)).expect("a copy");
    }
}

//! The manual of the emulator: the commands of each page, in their order, in an empty folder, as a reader runs them.
//!
//! The pages need no markup for this. What a reader does is read from what the page says:
//!
//! - In a ` ```console ` block, a line that begins with `$ ` is a command, and the lines below it are its output. A
//!   command without output may print anything, and must succeed.
//! - `dps-emulator` and `mosquitto` have a terminal of their own until the page starts them again.
//!   ` ```text printed-by=dps-emulator ` shows lines of that terminal.
//! - "Save this as `NAME`" before a block writes a file.
//! - "Not run in this project's tests: needs …" applies until the next heading. A block of commands or of a program that
//!   is neither run nor under such a note is a failure.
//!
//! Output is compared as [`compare`] describes. Each page has network, mount and process namespaces of its own, with the
//! service's ports, so it needs root. Installs use the network of this machine.

mod compare;
mod page;
mod run;
mod sandbox;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use self::page::Page;

/// Declares a test for each page with commands, or for sections of it that are followed without the others.
macro_rules! pages {
    ($($name:ident: $file:literal $([$($section:literal),+])?,)+) => {
        /// The pages that a test follows, and their sections; all of them if none is named.
        const TESTS: &[(&str, &[&str])] = &[$(($file, &[$($($section),+)?])),+];

        $(
            #[tokio::test]
            #[ignore = "needs root, Node, Python, a C compiler, curl and mosquitto: cargo xtask external"]
            async fn $name() {
                run::run($file, &[$($($section),+)?]).await;
            }
        )+
    };
}

pages! {
    the_entry: "emulator.md",
    the_command: "emulator/command.md",
    configuration: "emulator/configuration.md",
    the_control_endpoint: "emulator/control.md",
    faults: "emulator/faults.md",
    a_first_device_in_node: "emulator/first-device.md" ["Start the emulator", "Node"],
    a_first_device_in_python: "emulator/first-device.md" ["Start the emulator", "Python"],
    a_first_device_in_c: "emulator/first-device.md" ["Start the emulator", "C"],
    a_first_device_with_curl: "emulator/first-device.md" ["Start the emulator", "curl"],
    a_first_device_with_a_key: "emulator/first-device.md" ["Start the emulator", "A key instead of a certificate"],
    a_broker_in_the_hubs_place: "emulator/hub.md",
    in_tests: "emulator/in-tests.md",
    refusals: "emulator/refusals.md",
    sdks: "emulator/sdks.md",
    tools: "emulator/tools.md",
}

/// The folder with the manual.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn read(file: &str) -> Page {
    let path = docs().join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Page::parse(&text)
}

/// All pages of the manual.
fn files() -> BTreeSet<String> {
    let folder = fs::read_dir(docs().join("emulator")).expect("a folder");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    let pages = names.map(|name| format!("emulator/{name}"));
    pages.chain(["emulator.md".to_owned()]).collect()
}

#[test]
fn every_command_has_a_test() {
    for file in files() {
        let tests = || {
            TESTS
                .iter()
                .filter(|(tested, _)| *tested == file)
                .map(|(_, sections)| sections)
        };
        let is_tested = |section: &str| tests().any(|sections| sections.is_empty() || sections.contains(&section));
        for step in read(&file).steps {
            let (line, section) = (step.line, &step.section);
            assert!(
                is_tested(section),
                "docs/{file}:{line}: no test follows the section {section:?}"
            );
        }
    }
}

#[test]
fn every_block_is_run_or_marked() {
    let findings: Vec<_> = files()
        .into_iter()
        .flat_map(|file| {
            let findings = read(&file).findings;
            findings
                .into_iter()
                .map(move |finding| format!("docs/{file}:{finding}"))
        })
        .collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

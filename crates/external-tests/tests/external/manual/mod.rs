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

/// Declares a test for each page, or for sections of it that are followed without the others.
macro_rules! pages {
    ($($name:ident: $file:literal $([$($section:literal),+])?,)+) => {
        /// The pages, and the sections of each that a test follows; all if there are none.
        const PAGES: &[(&str, &[&str])] = &[$(($file, &[$($($section),+)?])),+];

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
    containers: "emulator/containers.md",
    the_control_endpoint: "emulator/control.md",
    the_device_api: "emulator/device-api.md",
    differences: "emulator/differences.md",
    the_reference_of_faults: "emulator/fault-reference.md",
    faults: "emulator/faults.md",
    a_first_device_in_node: "emulator/first-device.md" ["Start the emulator", "Node"],
    a_first_device_in_python: "emulator/first-device.md" ["Start the emulator", "Python"],
    a_first_device_in_c: "emulator/first-device.md" ["Start the emulator", "C"],
    a_first_device_with_curl: "emulator/first-device.md" ["Start the emulator", "curl"],
    a_first_device_with_a_key: "emulator/first-device.md" ["Start the emulator", "A key instead of a certificate"],
    a_broker_in_the_hubs_place: "emulator/hub.md",
    in_tests: "emulator/in-tests.md",
    limits: "emulator/limits.md",
    the_log: "emulator/log.md",
    the_page: "emulator/page.md",
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

#[test]
fn every_page_has_a_test() {
    let folder = fs::read_dir(docs().join("emulator")).expect("a folder");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    let found: BTreeSet<_> = names.map(|name| format!("emulator/{name}")).collect();
    let tested: BTreeSet<_> = PAGES.iter().map(|(file, _)| (*file).to_owned()).collect();
    let missing: Vec<_> = found.difference(&tested).collect();
    assert!(missing.is_empty(), "pages without a test: {missing:?}");
}

#[test]
fn every_section_has_a_test() {
    for (file, _) in PAGES {
        let tests = || {
            PAGES
                .iter()
                .filter(|(other, _)| other == file)
                .map(|(_, sections)| sections)
        };
        let is_tested = |section: &str| tests().any(|sections| sections.is_empty() || sections.contains(&section));
        for step in read(file).steps {
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
    let files: BTreeSet<_> = PAGES.iter().map(|(file, _)| file).collect();
    let findings: Vec<_> = files
        .into_iter()
        .flat_map(|file| {
            let findings = read(file).findings;
            findings
                .into_iter()
                .map(move |finding| format!("docs/{file}:{finding}"))
        })
        .collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

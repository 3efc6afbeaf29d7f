//! The tests that run, as the test programs list them.

use std::{collections::BTreeSet, io::BufReader};

use cargo_metadata::{Message, camino::Utf8Path};

use crate::shell::{self, TESTED};

/// The crate's folder below `crates`, and the test's full name, such as `machine::tests::it_waits`.
pub(super) type Test = (String, String);

/// Builds the tests and asks each program for its list, without the ignored ones.
pub(super) fn load() -> Result<BTreeSet<Test>, String> {
    let build = format!("test --no-run --message-format json-render-diagnostics {TESTED}");
    let output = shell::cargo(&build).reader().map_err(|error| error.to_string())?;
    let mut tests = BTreeSet::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message.map_err(|_| "the tests do not build (see above)")?
            && artifact.profile.test
            && let Some(program) = &artifact.executable
        {
            let folder = artifact
                .manifest_path
                .parent()
                .and_then(Utf8Path::file_name)
                .unwrap_or_default();
            let all = listed(program, &[])?;
            let ignored = listed(program, &["--ignored"])?;
            tests.extend(all.difference(&ignored).map(|name| (folder.to_owned(), name.clone())));
        }
    }
    Ok(tests)
}

fn listed(program: &Utf8Path, more: &[&str]) -> Result<BTreeSet<String>, String> {
    let words = [&["--list", "--format", "terse"], more].concat();
    let list = duct::cmd(program.as_std_path(), words)
        .read()
        .map_err(|error| error.to_string())?;
    Ok(list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}

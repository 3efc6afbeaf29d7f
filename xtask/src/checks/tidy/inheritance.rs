//! What is the same in every manifest is said once, in the workspace's: the package's keys, lints, shared versions.

use std::collections::BTreeMap;

use crate::{read::manifest::Manifest, report::Finding};

const INHERITED: [&[&str]; 5] = [
    &["package", "version"],
    &["package", "edition"],
    &["package", "rust-version"],
    &["package", "license"],
    &["lints"],
];

/// What an entry of `[workspace.dependencies]` may say. Features are each crate's own choice.
const SHARED_KEYS: [&str; 3] = ["version", "path", "default-features"];

/// Lints that no crate may do without.
const LINTS: [(&[&str], &str); 2] = [
    (&["workspace", "lints", "rust", "unsafe_code"], "forbid"),
    (&["workspace", "lints", "rust", "missing_docs"], "deny"),
];

pub(super) fn check(manifests: &[Manifest<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests {
        if manifest.name().is_some() {
            findings.extend(not_inherited(manifest));
            findings.extend(without_description(manifest));
        } else {
            findings.extend(missing_lints(manifest));
            findings.extend(more_than_a_version(manifest));
            findings.extend(unused(manifest, manifests));
        }
    }
    findings.extend(not_shared(manifests));
    findings
}

fn not_inherited(manifest: &Manifest<'_>) -> impl Iterator<Item = Finding> {
    let missing = INHERITED.iter().filter(|path| {
        let inherits = manifest.get(&[path, &["workspace"][..]].concat());
        !inherits.is_some_and(|entry| entry.value.is_true())
    });
    missing.map(|path| {
        let line = manifest.get(path).map_or(1, |entry| entry.line);
        let what = format!("`{}` is not inherited", path.join("."));
        let key = path[path.len() - 1];
        let fix = if key == "lints" {
            "write `[lints]` and `workspace = true`".to_owned()
        } else {
            format!("write `{key}.workspace = true`")
        };
        Finding::at(&manifest.file.path, line, what, fix)
    })
}

fn without_description(manifest: &Manifest<'_>) -> Option<Finding> {
    let entry = manifest.get(&["package", "description"]);
    let text = entry.and_then(|entry| entry.value.text()).unwrap_or_default();
    let line = entry.map_or(1, |entry| entry.line);
    // A sentence, not a word that holds its place.
    let says_something = text.contains(' ');
    (!says_something).then(|| {
        let what = "the package has no description";
        Finding::at(&manifest.file.path, line, what, "say in a sentence what it is for")
    })
}

fn missing_lints(workspace: &Manifest<'_>) -> impl Iterator<Item = Finding> {
    let weak = LINTS
        .iter()
        .filter(|(path, level)| workspace.get(path).and_then(|entry| entry.value.text()) != Some(level));
    weak.map(|(path, level)| {
        let line = workspace.get(path).map_or(1, |entry| entry.line);
        let what = format!("`{}` is not `{level}`", path.join("."));
        Finding::at(&workspace.file.path, line, what, "put it back")
    })
}

fn more_than_a_version(workspace: &Manifest<'_>) -> impl Iterator<Item = Finding> {
    let shared = workspace.entries.iter().filter(|entry| is_shared(&entry.path));
    let wrong = shared.filter(|entry| {
        entry
            .path
            .get(3)
            .is_some_and(|key| !SHARED_KEYS.contains(&key.as_str()))
    });
    wrong.map(|entry| {
        let what = format!("`{}` says `{}`", entry.path[2], entry.path[3]);
        let fix = "keep the version here and let each crate choose";
        Finding::at(&workspace.file.path, entry.line, what, fix)
    })
}

fn unused(workspace: &Manifest<'_>, manifests: &[Manifest<'_>]) -> Vec<Finding> {
    let used: Vec<_> = manifests.iter().flat_map(Manifest::dependencies).collect();
    let mut shared: Vec<_> = workspace
        .entries
        .iter()
        .filter(|entry| is_shared(&entry.path))
        .collect();
    shared.dedup_by_key(|entry| &entry.path[2]);
    let unused = shared
        .into_iter()
        .filter(|entry| !used.iter().any(|one| one.is_inherited && one.package == entry.path[2]));
    unused
        .map(|entry| {
            let what = format!("no crate uses `{}`", entry.path[2]);
            Finding::at(&workspace.file.path, entry.line, what, "remove the line")
        })
        .collect()
}

fn is_shared(path: &[String]) -> bool {
    matches!(path, [workspace, dependencies, _, ..] if workspace == "workspace" && dependencies == "dependencies")
}

/// Dependencies that more than one crate uses and that some crate gives a version of its own.
fn not_shared(manifests: &[Manifest<'_>]) -> Vec<Finding> {
    let mut uses: BTreeMap<String, Vec<(&str, usize, bool)>> = BTreeMap::new();
    for manifest in manifests {
        // A crate's tests name the crate itself by its path, to switch on its features.
        let others = manifest.dependencies().into_iter();
        for dependency in others.filter(|dependency| Some(dependency.package.as_str()) != manifest.name()) {
            let one = (manifest.file.path.as_str(), dependency.line, dependency.is_inherited);
            uses.entry(dependency.package).or_default().push(one);
        }
    }
    let twice = uses.into_iter().filter(|(_, places)| places.len() > 1);
    twice
        .flat_map(|(package, places)| {
            let own = places.into_iter().filter(|(_, _, is_inherited)| !is_inherited);
            own.map(move |(path, line, _)| {
                let what = format!("`{package}` is used more than once and has a version of its own here");
                Finding::at(path, line, what, "move the version to [workspace.dependencies]")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::said_of_manifests, *};

    const WORKSPACE: &str = "\
[workspace.lints.rust]
unsafe_code = \"forbid\"
missing_docs = \"deny\"
[workspace.dependencies]
tokio = { version = \"1\", default-features = false }
";

    const MEMBER: &str = "\
[package]
name = \"a\"
description = \"It does things.\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
[lints]
workspace = true
[dependencies]
tokio = { workspace = true, features = [\"rt\"] }
";

    fn said(workspace: &str, member: &str) -> Vec<String> {
        let files = [("Cargo.toml", workspace), ("crates/a/Cargo.toml", member)];
        said_of_manifests(check, &files)
    }

    #[test]
    fn manifests_that_inherit_are_fine() {
        assert_eq!(said(WORKSPACE, MEMBER), [""; 0]);
    }

    #[test]
    fn keys_of_its_own_are_found() {
        let member = MEMBER.replace("edition.workspace = true", "edition = \"2021\"");
        let expected = "crates/a/Cargo.toml:5: `package.edition` is not inherited (write `edition.workspace = true`)";
        assert_eq!(said(WORKSPACE, &member), [expected]);
        let member = MEMBER.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(said(WORKSPACE, &member).len(), 1);
    }

    #[test]
    fn a_description_that_says_nothing_is_found() {
        let member = MEMBER.replace("It does things.", "placeholder");
        assert_eq!(said(WORKSPACE, &member).len(), 1);
    }

    #[test]
    fn features_in_the_workspace_are_found() {
        let workspace = WORKSPACE.replace("default-features = false", "features = [\"rt\"]");
        let found = said(&workspace, MEMBER);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("Cargo.toml:5: `tokio` says `features`"),
            "{found:?}"
        );
    }

    #[test]
    fn a_version_that_no_crate_uses_is_found() {
        let workspace = format!("{WORKSPACE}bytes = \"1\"\n");
        assert_eq!(
            said(&workspace, MEMBER),
            ["Cargo.toml:6: no crate uses `bytes` (remove the line)"]
        );
    }

    #[test]
    fn a_relaxed_lint_is_found() {
        let workspace = WORKSPACE.replace("forbid", "allow");
        assert_eq!(said(&workspace, MEMBER).len(), 1);
    }

    #[test]
    fn a_dependency_used_twice_has_one_version() {
        let once = format!("{MEMBER}bytes = \"1\"\n");
        assert_eq!(said(WORKSPACE, &once), [""; 0]);
        let twice = format!("{once}[dev-dependencies]\nbytes = \"1\"\n");
        assert_eq!(said(WORKSPACE, &twice).len(), 2);
    }
}

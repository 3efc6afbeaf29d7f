//! A package's or the workspace's manifest, with its dependencies gathered.

use std::collections::BTreeMap;

use super::toml::{self, Entry, Value};
use crate::tree::{TextFile, Tree};

/// A `Cargo.toml`.
#[derive(Debug)]
pub(crate) struct Manifest<'a> {
    pub(crate) file: &'a TextFile,
    pub(crate) entries: Vec<Entry>,
}

/// A dependency as a manifest declares it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package, also when it goes by another name here.
    pub(crate) package: String,
    /// `dependencies`, `dev-dependencies` or `build-dependencies`.
    pub(crate) section: String,
    pub(crate) line: usize,
    /// Whether its version comes from `[workspace.dependencies]`.
    pub(crate) is_inherited: bool,
    pub(crate) features: Vec<String>,
}

/// Every manifest of the tree; the error is the path and the line of one that cannot be read.
pub(crate) fn all(tree: &Tree) -> Result<Vec<Manifest<'_>>, (&str, usize)> {
    let files = tree
        .files
        .iter()
        .filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    files
        .map(|file| {
            let entries = toml::parse(&file.text).map_err(|line| (file.path.as_str(), line))?;
            Ok(Manifest { file, entries })
        })
        .collect()
}

impl Manifest<'_> {
    /// The name of its package; the workspace's own manifest has none.
    pub(crate) fn name(&self) -> Option<&str> {
        self.get(&["package", "name"])?.value.text()
    }

    /// The entry at this path.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    /// What it depends on, on any platform.
    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        let mut found: BTreeMap<(&[String], &str), Dependency> = BTreeMap::new();
        for entry in &self.entries {
            let Some((section, [name, rest @ ..])) = split(&entry.path) else {
                continue;
            };
            let dependency = found.entry((section, name)).or_insert_with(|| Dependency {
                package: name.clone(),
                section: section[section.len() - 1].clone(),
                line: entry.line,
                ..Dependency::default()
            });
            match (rest.first().map(String::as_str), &entry.value) {
                (Some("workspace"), value) => dependency.is_inherited = value.is_true(),
                (Some("package"), Value::Text(package)) => dependency.package.clone_from(package),
                (Some("features"), Value::List(features)) => dependency.features.clone_from(features),
                _ => {}
            }
        }
        found.into_values().collect()
    }
}

/// Splits `dependencies.tokio.features` or `target.….dependencies.tokio` behind the section.
fn split(path: &[String]) -> Option<(&[String], &[String])> {
    let behind = if path.first()? == "target" { 3 } else { 1 };
    let (section, rest) = path.split_at_checked(behind)?;
    let kind = section.last()?;
    let known = ["dependencies", "dev-dependencies", "build-dependencies"];
    (known.contains(&kind.as_str()) && !rest.is_empty()).then_some((section, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
[package]
name = \"a\"

[dependencies]
tokio = { workspace = true, features = [\"rt\"] }
other = { package = \"real\", version = \"1\" }

[target.'cfg(unix)'.dependencies]
libc = \"0.2\"

[dev-dependencies]
tokio.workspace = true
";

    #[test]
    fn dependencies_are_gathered_from_every_section() {
        let tree = Tree::of(&[("crates/a/Cargo.toml", TEXT)]);
        let manifests = all(&tree).expect("it can be read");
        assert_eq!(manifests[0].name(), Some("a"));
        let mut found: Vec<_> = manifests[0]
            .dependencies()
            .into_iter()
            .map(|one| (one.line, one.package, one.section, one.is_inherited, one.features.len()))
            .collect();
        found.sort();
        let expected = [
            (5, "tokio", "dependencies", true, 1),
            (6, "real", "dependencies", false, 0),
            (9, "libc", "dependencies", false, 0),
            (12, "tokio", "dev-dependencies", true, 0),
        ];
        let expected = expected.map(|(line, name, section, inherited, features)| {
            (line, name.to_owned(), section.to_owned(), inherited, features)
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_named() {
        let tree = Tree::of(&[("crates/a/Cargo.toml", "[package]\nname = \n")]);
        assert_eq!(all(&tree).err(), Some(("crates/a/Cargo.toml", 2)));
    }
}

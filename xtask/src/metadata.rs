//! What `cargo metadata` knows of the packages.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use crate::process::{capture, cargo};

/// A package of the workspace or of its locked dependency tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// The workspace's own packages.
pub(crate) fn members(root: &Path) -> Result<Vec<Package>, String> {
    load(root, &["--no-deps"])
}

/// Every package that any of the workspace's features may need, on any platform.
pub(crate) fn locked_packages(root: &Path) -> Result<Vec<Package>, String> {
    load(root, &["--all-features"])
}

fn load(root: &Path, options: &[&str]) -> Result<Vec<Package>, String> {
    let words = [&["metadata", "--format-version", "1", "--locked"], options].concat();
    let json = capture(cargo(root, &words))?;
    parse(&json).ok_or_else(|| "`cargo metadata` printed something unknown".to_owned())
}

fn parse(json: &str) -> Option<Vec<Package>> {
    let value: Value = serde_json::from_str(json).ok()?;
    value["packages"].as_array()?.iter().map(package).collect()
}

fn package(value: &Value) -> Option<Package> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let features = value["features"].as_object()?.iter();
    Some(Package {
        id: text("id")?,
        name: text("name")?,
        version: text("version")?,
        rust_version: text("rust_version"),
        features: features.map(|(name, needs)| (name.clone(), strings(needs))).collect(),
    })
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

impl Package {
    /// Everything that these features switch on, themselves included.
    pub(crate) fn closure<'a>(&'a self, features: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut on = BTreeSet::new();
        let mut open: Vec<&str> = features.into_iter().collect();
        while let Some(feature) = open.pop() {
            if on.insert(feature) {
                let needs = self.features.get(feature).into_iter().flatten();
                open.extend(needs.map(String::as_str));
            }
        }
        on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"packages":[{"id":"path+file:///a#0.1.0","name":"a","version":"0.1.0","rust_version":"1.88",
        "features":{"default":["x"],"x":["y","dep:z"],"y":[]}}],"workspace_members":[]}"#;

    #[test]
    fn packages_are_read_with_their_features() {
        let packages = parse(JSON).expect("it can be read");
        assert_eq!(packages[0].name, "a");
        assert_eq!(packages[0].rust_version.as_deref(), Some("1.88"));
        let on: Vec<_> = packages[0].closure(["default"]).into_iter().collect();
        assert_eq!(on, ["default", "dep:z", "x", "y"]);
    }

    #[test]
    fn something_else_is_not_taken_for_packages() {
        assert_eq!(parse("{}"), None);
        assert_eq!(parse("no json"), None);
        assert_eq!(parse(r#"{"packages":[{"id":"a"}]}"#), None);
    }

    #[test]
    fn this_workspace_knows_this_package() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let members = members(root).expect("cargo answers");
        assert!(members.iter().any(|package| package.name == "xtask"));
    }
}

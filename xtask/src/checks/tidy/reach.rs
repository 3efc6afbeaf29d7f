//! What a layer must not reach, not even through another package: asked of `cargo tree`, with all features.

use std::collections::BTreeSet;

use super::Context;
use crate::{process::capture, report::Finding};

const OUT_OF_REACH: [(&str, &[&str]); 4] = [
    (
        "provisioning-types",
        &["tokio", "rustls", "rumqttc", "tokio-tungstenite"],
    ),
    ("provisioning-client", &["rustls", "rumqttc", "tokio-tungstenite"]),
    ("provisioning-mqtt", &["tokio-tungstenite"]),
    ("provisioning-websocket", &["rumqttc"]),
];

pub(super) fn check(context: &Context) -> Vec<Finding> {
    OUT_OF_REACH
        .iter()
        .flat_map(|(package, unwanted)| of_package(context, package, unwanted))
        .collect()
}

fn of_package(context: &Context, package: &str, unwanted: &[&str]) -> Vec<Finding> {
    let edges = ["--edges", "normal,build", "--all-features"];
    let shape = ["--prefix", "none", "--format", "{p}", "--locked"];
    let words = [&["tree", "--package", package], &edges[..], &shape[..]].concat();
    match capture(context.cargo(&words)) {
        Ok(tree) => reached(package, unwanted, &tree),
        Err(why) => vec![Finding::general(why, "see above")],
    }
}

fn reached(package: &str, unwanted: &[&str], tree: &str) -> Vec<Finding> {
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let found = unwanted.iter().filter(|name| names.contains(*name));
    found
        .map(|name| {
            let manifest = format!("crates/{package}/Cargo.toml");
            let fix = format!("`cargo tree -p {package} --all-features -e normal -i {name}` shows the way");
            Finding::at(&manifest, 1, format!("`{package}` reaches `{name}`"), fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_in_reach_is_found_however_far_it_is() {
        let tree = "a v0.1.0 (/a)\nserde v1.0.0 (*)\ntokio v1.0.0\ntokio-util v0.7.0\n";
        let found = reached("a", &["tokio", "rustls"], tree);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .to_string()
                .starts_with("crates/a/Cargo.toml:1: `a` reaches `tokio`")
        );
        assert_eq!(reached("a", &["rustls"], tree), []);
    }
}

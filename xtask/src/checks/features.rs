//! `features`: every crate by itself builds without a warning with no features, with each feature, and with all. The
//! sets of [`INCOMPLETE`] do not build: a `compile_error!` names the remedy.
//!
//! Clippy does the checking: to it alone "warnings denied" can be said for our crates without building the others anew,
//! and what `lint` built before is used again.

use std::collections::BTreeSet;

use super::{Check, Context, found};
use crate::{
    metadata::{self, Package},
    process,
    report::{Finding, Report},
};

/// A package's feature that is of no use without one of the others.
const INCOMPLETE: [(&str, &str, [&str; 2]); 4] = [
    ("provisioning-credentials", "generate-csr", ["ring", "aws-lc-rs"]),
    ("provisioning-device", "generate-csr", ["ring", "aws-lc-rs"]),
    ("provisioning-device", "blocking", ["mqtt", "websocket"]),
    ("provisioning-device", "platform-roots", ["mqtt", "websocket"]),
];

/// Sets that build too: with features that stand together in the code.
const TOGETHER: [(&str, &[&str]); 1] = [("provisioning-device", &["aws-lc-rs", "mqtt"])];

pub(super) const CHECK: Check = Check {
    name: "features",
    about: "every crate builds alone: no features, each, all",
    can_fix: false,
    in_ci: true,
    run,
};

fn run(context: &Context) -> Report {
    if let Some(skip) = context.lacks_component("clippy", "clippy") {
        return skip;
    }
    let members = match metadata::members(&context.root) {
        Ok(members) => members,
        Err(why) => return Report::failed(Finding::general(why, "see above")),
    };
    let choices: Vec<_> = members.iter().flat_map(choices).collect();
    let findings = choices.iter().filter_map(|choice| match choice.lacks {
        None => {
            let command = [&["clippy", "--quiet"], &choice.words()[..], &["--", "-D", "warnings"]].concat();
            context.finding_unless_ok(context.cargo(&command), "see above")
        }
        Some([one, other]) => {
            let said = process::capture(context.cargo(&[&["check", "--quiet"], &choice.words()[..]].concat()));
            let remedy = format!("enable `{one}` or `{other}` too");
            let refused = said.err().is_some_and(|errors| errors.contains(&remedy));
            (!refused).then(|| {
                let what = format!(
                    "{}: `{}` builds alone, without `{one}` or `{other}`",
                    choice.package, choice.features
                );
                Finding::general(what, format!("add a `compile_error!` that says: {remedy}"))
            })
        }
    });
    Report {
        note: format!("{} builds of {} crates", choices.len(), members.len()),
        ..found(findings)
    }
}

/// One package with these features, the default ones only when named.
#[derive(Debug, PartialEq, Eq)]
struct Choice<'a> {
    package: &'a str,
    features: String,
    /// Of what it needs one, and has none.
    lacks: Option<[&'static str; 2]>,
}

impl Choice<'_> {
    fn words(&self) -> Vec<&str> {
        let mut words = vec!["--package", self.package, "--no-default-features"];
        if !self.features.is_empty() {
            words.extend(["--features", &self.features]);
        }
        words
    }
}

/// None, each and all; what switches on the same as an earlier choice is left out.
fn choices(package: &Package) -> Vec<Choice<'_>> {
    let names: Vec<&str> = package.features.keys().map(String::as_str).collect();
    let mut wanted = vec![vec![]];
    wanted.extend(names.iter().map(|&name| vec![name]));
    let together = TOGETHER.iter().filter(|(name, _)| *name == package.name);
    wanted.extend(together.map(|(_, features)| features.to_vec()));
    wanted.push(names);
    let mut known = BTreeSet::new();
    wanted.retain(|features| {
        let mut on = package.closure(features.iter().copied());
        // `default` itself switches on nothing but what it names.
        on.remove("default");
        known.insert(on)
    });
    let choice = |features: Vec<&str>| Choice {
        package: &package.name,
        lacks: lacks(package, &features),
        features: features.join(","),
    };
    wanted.into_iter().map(choice).collect()
}

/// What [`INCOMPLETE`] says that these features lack.
fn lacks(package: &Package, features: &[&str]) -> Option<[&'static str; 2]> {
    let on = package.closure(features.iter().copied());
    let incomplete = INCOMPLETE.into_iter().find(|(name, feature, needs)| {
        *name == package.name && on.contains(feature) && needs.iter().all(|need| !on.contains(need))
    });
    incomplete.map(|(_, _, needs)| needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_without_what_it_needs_is_expected_to_be_refused() {
        let mut device = package(&[("blocking", &[]), ("mqtt", &[]), ("full", &["blocking", "mqtt"])]);
        device.name = "provisioning-device".to_owned();
        let lacks = |features| super::lacks(&device, features);
        assert_eq!(lacks(&["blocking"]), Some(["mqtt", "websocket"]));
        assert_eq!(lacks(&["mqtt"]), None);
        assert_eq!(lacks(&["full"]), None);
    }

    fn package(features: &[(&str, &[&str])]) -> Package {
        let strings = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect();
        Package {
            id: "a".to_owned(),
            name: "a".to_owned(),
            version: "0.1.0".to_owned(),
            rust_version: None,
            features: features
                .iter()
                .map(|(name, needs)| ((*name).to_owned(), strings(needs)))
                .collect(),
        }
    }

    fn features_of(package: &Package) -> Vec<String> {
        choices(package).into_iter().map(|choice| choice.features).collect()
    }

    #[test]
    fn a_crate_without_features_is_built_once() {
        assert_eq!(features_of(&package(&[])), [""]);
        assert_eq!(features_of(&package(&[("default", &[])])), [""]);
    }

    #[test]
    fn none_each_and_all_are_built() {
        let package = package(&[("aws-lc-rs", &["dep:x"]), ("ring", &["dep:y"])]);
        assert_eq!(features_of(&package), ["", "aws-lc-rs", "ring", "aws-lc-rs,ring"]);
        let words = choices(&package)[1].words().join(" ");
        assert_eq!(words, "--package a --no-default-features --features aws-lc-rs");
    }

    #[test]
    fn what_comes_to_the_same_is_built_once() {
        let package = package(&[("default", &["ring"]), ("full", &["ring"]), ("ring", &[])]);
        assert_eq!(features_of(&package), ["", "default", "full"]);
    }
}

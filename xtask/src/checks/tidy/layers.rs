//! Arrows between our crates point one way, and what belongs to a program stays out of the libraries.

use crate::{
    read::manifest::{Dependency, Manifest},
    report::Finding,
};

/// Which of our crates a crate may use.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("provisioning-types", &[]),
    ("provisioning-websocket", &[]),
    ("provisioning-emulator", &[]),
    ("provisioning-client", &["provisioning-types"]),
    ("provisioning-credentials", &["provisioning-types"]),
    ("provisioning-net", &["provisioning-types", "provisioning-websocket"]),
    ("provisioning-mqtt", &["provisioning-net", "provisioning-types"]),
    (
        "provisioning-device",
        &[
            "provisioning-client",
            "provisioning-credentials",
            "provisioning-mqtt",
            "provisioning-net",
            "provisioning-types",
        ],
    ),
    ("provisioning-cli", &["provisioning-device", "provisioning-emulator"]),
    ("external-tests", &["provisioning-device", "provisioning-emulator"]),
    ("xtask", &[]),
];

/// What a library leaves to the program that uses it. The emulator and the CLI are programs, and so are
/// tests and examples.
const FOR_PROGRAMS: [&str; 3] = ["anyhow", "clap", "tracing-subscriber"];
const PROGRAMS: [&str; 2] = ["provisioning-cli", "provisioning-emulator"];

/// What `xtask` may use beside the standard library.
const XTASK_USES: &str = "serde_json";

pub(super) fn check(manifests: &[Manifest<'_>]) -> Vec<Finding> {
    manifests.iter().flat_map(of_manifest).collect()
}

fn of_manifest(manifest: &Manifest<'_>) -> Vec<Finding> {
    let Some(name) = manifest.name() else {
        return Vec::new();
    };
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        let what = format!("`{name}` has no place in the layers");
        return vec![Finding::at(
            &manifest.file.path,
            1,
            what,
            "give it one in tidy/layers.rs",
        )];
    };
    let dependencies = manifest.dependencies();
    let wrong = dependencies.iter().filter_map(|dependency| {
        let fix = wrong_in(name, allowed, dependency)?;
        let what = format!("`{name}` must not use `{}`", dependency.package);
        Some(Finding::at(&manifest.file.path, dependency.line, what, fix))
    });
    wrong.collect()
}

/// How to mend it, when this dependency is not allowed.
fn wrong_in(name: &str, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let package = dependency.package.as_str();
    if name == "xtask" {
        return (package != XTASK_USES).then(|| format!("std and {XTASK_USES} are enough for it"));
    }
    let is_ours = ALLOWED.iter().any(|(ours, _)| *ours == package);
    if is_ours {
        let fine = allowed.contains(&package) || is_for_tests(name, dependency);
        return (!fine).then(|| format!("it may use: {}", list(allowed)));
    }
    let is_program = PROGRAMS.contains(&name) || dependency.section == "dev-dependencies";
    let fine = is_program || !FOR_PROGRAMS.contains(&package);
    (!fine).then(|| "leave it to the program".to_owned())
}

/// Tests may use the emulator, a mock from a crate below, and their own crate with more features. The emulator's own
/// tests use none of the client's crates either: a mistake that both make would cancel itself out.
fn is_for_tests(name: &str, dependency: &Dependency) -> bool {
    let is_helper = match dependency.package.as_str() {
        "provisioning-emulator" => true,
        package if package == name => true,
        "provisioning-types" => name != "provisioning-emulator" && dependency.features.contains(&"mock".to_owned()),
        _ => false,
    };
    dependency.section == "dev-dependencies" && is_helper
}

fn list(allowed: &[&str]) -> String {
    if allowed.is_empty() {
        "none of our crates".to_owned()
    } else {
        allowed.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::said_of_manifests, *};

    fn said(name: &str, dependencies: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"{name}\"\n{dependencies}");
        said_of_manifests(check, &[("crates/a/Cargo.toml", &text)])
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let found = said(
            "provisioning-client",
            "[dependencies]\nprovisioning-types.workspace = true\nprovisioning-mqtt.workspace = true\n",
        );
        let expected = "crates/a/Cargo.toml:5: `provisioning-client` must not use `provisioning-mqtt` \
            (it may use: provisioning-types)";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_dependency_under_another_name_is_seen_through() {
        let found = said(
            "provisioning-websocket",
            "[dependencies]\nt = { package = \"provisioning-types\", path = \"../t\" }\n",
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn tests_may_use_the_emulator_and_a_mock() {
        let good = "[dev-dependencies]\nprovisioning-emulator.workspace = true\n\
            provisioning-types = { workspace = true, features = [\"mock\"] }\n";
        assert_eq!(said("provisioning-websocket", good), [""; 0]);
        let bad = "[dependencies]\nprovisioning-emulator.workspace = true\n";
        assert_eq!(said("provisioning-mqtt", bad).len(), 1);
        let bad = "[dev-dependencies]\nprovisioning-types.workspace = true\n";
        assert_eq!(said("provisioning-websocket", bad).len(), 1);
        let bad = "[dev-dependencies]\nprovisioning-types = { workspace = true, features = [\"mock\"] }\n";
        assert_eq!(said("provisioning-emulator", bad).len(), 1);
    }

    #[test]
    fn a_crates_tests_may_switch_on_its_features() {
        let own = "[dev-dependencies]\nprovisioning-net = { path = \".\", features = [\"tls\"] }\n";
        assert_eq!(said("provisioning-net", own), [""; 0]);
        assert_eq!(said("provisioning-types", own).len(), 1);
    }

    #[test]
    fn what_belongs_to_a_program_stays_out_of_libraries() {
        let clap = "[dependencies]\nclap = \"4\"\n";
        assert_eq!(said("provisioning-device", clap).len(), 1);
        assert_eq!(said("provisioning-cli", clap), [""; 0]);
    }

    #[test]
    fn xtask_uses_next_to_nothing() {
        let found = said("xtask", "[dependencies]\nserde_json = \"1\"\nregex = \"1\"\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`regex`"), "{found:?}");
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(said("provisioning-new", "").len(), 1);
    }
}

//! `layers`: the arrows between the crates point one way, and what a crate is picked for stays out of its reach.

use std::fs;

use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package};

use crate::{report::Report, shell};

/// Which of our crates a crate may use. docs/architecture.md has the map.
const ARROWS: [(&str, &str); 17] = [
    ("provisioning-types", ""),
    ("provisioning-websocket", ""),
    ("provisioning-emulator", ""),
    ("provisioning-client", "provisioning-types"),
    ("provisioning-credentials", "provisioning-types"),
    ("provisioning-net", "provisioning-types provisioning-websocket"),
    ("provisioning-mqtt", "provisioning-net provisioning-types"),
    (
        "provisioning-device",
        "provisioning-client provisioning-credentials provisioning-mqtt provisioning-net provisioning-types",
    ),
    ("provisioning-cli", "provisioning-device provisioning-emulator"),
    (
        "test-support",
        "provisioning-credentials provisioning-emulator provisioning-net provisioning-types",
    ),
    ("tool-support", ""),
    (
        "external-tests",
        "provisioning-device provisioning-emulator tool-support",
    ),
    ("emulator-load", "tool-support"),
    ("minimal", "provisioning-device"),
    (
        "benchmarks",
        "minimal provisioning-device provisioning-emulator tool-support",
    ),
    (
        "micro-benchmarks",
        "provisioning-client provisioning-mqtt provisioning-net provisioning-types provisioning-websocket",
    ),
    ("xtask", "tool-support"),
];

/// What the tests of a crate may use beside its own arrows.
const FOR_TESTS: [&str; 3] = ["provisioning-emulator", "provisioning-types", "test-support"];

/// These check the client from outside: their tests share no code with it, so that a mistake cannot cancel itself out.
const INDEPENDENT: [&str; 2] = ["provisioning-emulator", "provisioning-websocket"];

/// A build as cargo's options, and the packages that must not be among its dependencies.
const OUT_OF_REACH: [(&str, &str); 11] = [
    // A custom transport compiles no cryptography.
    (
        "provisioning-types --all-features",
        "hmac pkcs8 rumqttc rustls sha2 tokio tokio-tungstenite x509-parser",
    ),
    // The machine alone needs no runtime.
    ("provisioning-client --no-default-features", "fastrand tokio tracing"),
    (
        "provisioning-client --all-features",
        "hmac pkcs8 rumqttc rustls tokio-tungstenite x509-parser",
    ),
    (
        "provisioning-credentials --all-features",
        "rumqttc rustls tokio tokio-tungstenite",
    ),
    // A custom byte stream needs neither TLS nor a WebSocket.
    (
        "provisioning-net --no-default-features",
        "rumqttc rustls tokio-tungstenite x509-parser",
    ),
    ("provisioning-net --all-features", "rumqttc"),
    (
        "provisioning-mqtt",
        "hmac pkcs8 rustls rustls-native-certs rustls-platform-verifier tokio-tungstenite x509-parser",
    ),
    ("provisioning-websocket --all-features", "rumqttc rustls"),
    // Firmware with one pinned CA and a plain key.
    (
        "provisioning-device --no-default-features --features mqtt,ring",
        "aes-gcm cbc rustls-native-certs rustls-platform-verifier scrypt tokio-tungstenite",
    ),
    ("provisioning-device --all-features", ""),
    // The emulator as a library.
    ("provisioning-emulator --no-default-features", ""),
];

/// What every library leaves to the program that uses it.
const FOR_PROGRAMS: &str = "anyhow clap tracing-subscriber";

/// What no published crate may use in any build: packages, or versions of them, that get no security fixes.
const UNMAINTAINED: &str = "rustls-pemfile rustls-webpki@0.102";

pub(crate) fn run() -> Report {
    let metadata = match MetadataCommand::new().current_dir(shell::root()).no_deps().exec() {
        Ok(metadata) => metadata,
        Err(error) => return [error.to_string()].into(),
    };
    let packages = &metadata.packages;
    let mut findings: Vec<_> = packages.iter().flat_map(wrong_arrows).collect();
    findings.extend(packages.iter().filter_map(without_lints));
    for (build, unwanted) in OUT_OF_REACH {
        findings.extend(within_reach(build, &format!("{unwanted} {FOR_PROGRAMS}")));
    }
    for package in packages.iter().filter(|package| package.publish.is_none()) {
        findings.extend(within_reach(&format!("{} --all-features", package.name), UNMAINTAINED));
    }
    Report::from(findings).noting(format!("{} crates", packages.len()))
}

fn wrong_arrows(package: &Package) -> Vec<String> {
    let name = &package.name;
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name.as_str()) else {
        return vec![format!(
            "`{name}` has no place in the layers (see xtask/src/checks/layers.rs)"
        )];
    };
    let used = package.dependencies.iter();
    let wrong = used.filter(|used| !is_allowed(name, allowed, used));
    let finding = |used: &Dependency| format!("`{name}` must not use `{}` (see docs/architecture.md)", used.name);
    wrong.map(finding).collect()
}

fn is_allowed(package: &str, allowed: &str, used: &Dependency) -> bool {
    let name = used.name.as_str();
    let is_ours = ARROWS.iter().any(|(ours, _)| *ours == name);
    // A crate's tests switch on its features by depending on it.
    let helps_tests = name == package || FOR_TESTS.contains(&name) && !INDEPENDENT.contains(&package);
    !is_ours
        || allowed.split(' ').any(|allowed| allowed == name)
        || helps_tests && used.kind == DependencyKind::Development
}

/// A crate that does not inherit the workspace's lints is checked by none of them.
fn without_lints(package: &Package) -> Option<String> {
    let path = &package.manifest_path;
    let inherits = fs::read_to_string(path).is_ok_and(|text| text.contains("[lints]\nworkspace = true"));
    (!inherits).then(|| format!("{path}:1: the lints are not inherited (write `[lints]` and `workspace = true`)"))
}

/// Finds those of the unwanted packages that the build uses on any platform.
fn within_reach(build: &str, unwanted: &str) -> Vec<String> {
    let words = format!("tree --locked --target all --edges normal,build --package {build}");
    let Ok(tree) = shell::cargo(&format!("{words} --prefix none --format {{p}}")).read() else {
        return vec![shell::failure(&words)];
    };
    let found = unwanted.split_whitespace().filter(|name| is_in(&tree, name));
    let finding = |name| format!("`{build}` reaches `{name}` (`cargo {words} --invert {name}` shows the way)");
    found.map(finding).collect()
}

/// Whether the output of `cargo tree` has this package: `name`, or `name@0.1` for its versions 0.1.x only.
fn is_in(tree: &str, package: &str) -> bool {
    let (name, version) = package.split_once('@').unwrap_or((package, ""));
    let start = format!("{name} v{version}");
    let mut rest = tree.lines().filter_map(|line| line.strip_prefix(&start));
    rest.any(|rest| version.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_allowed(package: &str, name: &str, kind: Option<&str>) -> bool {
        let dependency = json!({
            "name": name, "req": "*", "kind": kind, "optional": false, "uses_default_features": true, "features": [],
        });
        let dependency = serde_json::from_value(dependency).expect("a dependency");
        let (_, allowed) = ARROWS
            .iter()
            .find(|(ours, _)| *ours == package)
            .expect("one of our crates");
        super::is_allowed(package, allowed, &dependency)
    }

    #[test]
    fn arrows_point_one_way_and_tests_may_use_what_helps_them() {
        assert!(is_allowed("provisioning-client", "provisioning-types", None));
        assert!(!is_allowed("provisioning-types", "provisioning-client", None));
        assert!(!is_allowed("provisioning-mqtt", "provisioning-client", Some("dev")));
        assert!(is_allowed("provisioning-net", "provisioning-net", Some("dev")));
        assert!(is_allowed("provisioning-mqtt", "test-support", Some("dev")));
        assert!(!is_allowed("provisioning-mqtt", "test-support", None));
        assert!(!is_allowed("provisioning-emulator", "test-support", Some("dev")));
    }

    #[test]
    fn a_package_in_reach_is_found_by_its_whole_name_and_its_version() {
        let tree = "a v0.1.0 (/a)\nserde v1.10.0 (*)\ntokio-util v0.7.0\n";
        let found = ["rustls", "serde", "tokio", "serde@1.1", "serde@1.10"].map(|name| is_in(tree, name));
        assert_eq!(found, [false, true, false, false, true]);
    }
}

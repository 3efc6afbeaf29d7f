//! `features`: every published crate by itself builds without a warning with no features, with each, and with all.
//! The features of [`INCOMPLETE`] build with another: alone, a `compile_error!` names what they need.
//!
//! Clippy does the checking: to it alone "deny warnings" can be said for our crates without building the others anew.

use crate::{report::Report, shell};

/// A feature of a package that is of no use without one of two others.
const INCOMPLETE: [(&str, &str, [&str; 2]); 4] = [
    ("provisioning-credentials", "generate-csr", ["ring", "aws-lc-rs"]),
    ("provisioning-device", "generate-csr", ["ring", "aws-lc-rs"]),
    ("provisioning-device", "blocking", ["mqtt", "websocket"]),
    ("provisioning-device", "platform-roots", ["mqtt", "websocket"]),
];

/// Further sets of features that build: with all, with features that stand together in the code, and tests without features.
const SETS: [(&str, &str); 6] = [
    ("provisioning-credentials", "--all-features"),
    ("provisioning-net", "--all-features"),
    ("provisioning-device", "--all-features"),
    ("provisioning-device", "--features default"),
    ("provisioning-device", "--features aws-lc-rs,mqtt"),
    ("provisioning-emulator", "--tests"),
];

pub(crate) fn run() -> Report {
    let lacks_hack = shell::lacks("hack", "cargo install cargo-hack --locked");
    if let Some(reason) = lacks_hack.or_else(|| shell::lacks("clippy", "rustup component add clippy")) {
        return Report::skip(reason);
    }
    // Only the facade's default is a set of its own.
    let each = "hack clippy --quiet --each-feature --exclude-features default";
    let deny_warnings = "-- -D warnings";
    let mut builds = vec![format!(
        "{each} --workspace --ignore-private --exclude provisioning-credentials --exclude provisioning-device {deny_warnings}"
    )];
    for package in ["provisioning-credentials", "provisioning-device"] {
        let incomplete = INCOMPLETE.iter().filter(|(of, ..)| *of == package);
        let excluded: Vec<_> = incomplete.map(|(_, feature, _)| *feature).collect();
        let excluded = excluded.join(",");
        builds.push(format!("{each},{excluded} --package {package} {deny_warnings}"));
    }
    builds.extend(SETS.map(|(package, set)| {
        format!("clippy --quiet --package {package} --no-default-features {set} {deny_warnings}")
    }));
    builds.extend(INCOMPLETE.map(|(package, feature, [other, _])| {
        format!("clippy --quiet --package {package} --no-default-features --features {feature},{other} {deny_warnings}")
    }));
    let failures = builds.iter().filter_map(|build| shell::run(build));
    failures.chain(INCOMPLETE.iter().filter_map(not_refused)).into()
}

/// A finding, if the feature builds alone or is refused in other words.
fn not_refused((package, feature, [one, other]): &(&str, &str, [&str; 2])) -> Option<String> {
    let build = format!("check --quiet --package {package} --no-default-features --features {feature}");
    let built = shell::cargo(&build)
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run();
    let errors = built
        .map(|built| String::from_utf8_lossy(&built.stdout).into_owned())
        .unwrap_or_default();
    let remedy = format!("enable `{one}` or `{other}` too");
    (!errors.contains(&remedy)).then(|| format!("`cargo {build}` is not refused (add a `compile_error!`: {remedy})"))
}

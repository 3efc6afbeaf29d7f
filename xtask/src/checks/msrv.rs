//! `msrv`: nothing in the locked dependency tree needs a newer Rust than the workspace's minimum, and the workspace
//! builds with that minimum.

use std::fs;

use super::{Check, Context, found};
use crate::{
    metadata::{self, Package},
    process::{capture, program},
    report::{Finding, Report},
};

pub(super) const CHECK: Check = Check {
    name: "msrv",
    about: "the minimum Rust version holds, for dependencies too",
    can_fix: false,
    in_ci: true,
    run,
};

fn run(context: &Context) -> Report {
    let packages = match metadata::locked_packages(&context.root) {
        Ok(packages) => packages,
        // It needs the manifests of other platforms' packages too, which no build here may have fetched.
        Err(why) => return Report::skip(why.split_whitespace().collect::<Vec<_>>().join(" ")),
    };
    let Some(minimum) = minimum(&packages) else {
        return Report::failed(Finding::general("xtask declares no rust-version", "inherit it"));
    };
    let lock = fs::read_to_string(context.root.join("Cargo.lock")).unwrap_or_default();
    let silent = packages.iter().filter(|package| package.rust_version.is_none()).count();
    let mut report = Report {
        note: format!("{minimum}; {} packages, {silent} of them declare none", packages.len()),
        ..found(too_new(&packages, minimum, &lock))
    };
    build_with(context, minimum, &mut report);
    report
}

/// What the workspace declares: xtask inherits it as every member does.
fn minimum(packages: &[Package]) -> Option<&str> {
    let xtask = packages.iter().find(|package| package.name == "xtask")?;
    xtask.rust_version.as_deref()
}

fn too_new(packages: &[Package], minimum: &str, lock: &str) -> Vec<Finding> {
    let newer = packages.iter().filter_map(|package| {
        let needs = package.rust_version.as_deref()?;
        (parts(needs) > parts(minimum)).then_some((package, needs))
    });
    newer
        .map(|(package, needs)| {
            Finding::at(
                "Cargo.lock",
                line_in_lock(lock, package),
                format!(
                    "{} {} needs Rust {needs}, ours is {minimum}",
                    package.name, package.version
                ),
                "take an older version: `cargo update --precise`",
            )
        })
        .collect()
}

/// `1.88` and `1.88.0` are the same.
fn parts(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

fn line_in_lock(lock: &str, package: &Package) -> usize {
    let name = format!("name = \"{}\"", package.name);
    let version = format!("version = \"{}\"", package.version);
    let lines: Vec<_> = lock.lines().collect();
    let at = lines.windows(2).position(|pair| pair[0] == name && pair[1] == version);
    at.map_or(1, |at| at + 1)
}

fn build_with(context: &Context, minimum: &str, report: &mut Report) {
    let installed = capture(program(&context.root, "rustup", &["toolchain", "list"])).unwrap_or_default();
    let Some(toolchain) = toolchain_of(&installed, minimum) else {
        let why = format!("the build with Rust {minimum}: `rustup toolchain install {minimum}` first");
        report.skips.push(why);
        return;
    };
    let check = ["cargo", "check", "--workspace", "--all-targets", "--all-features"];
    let command = program(&context.root, "rustup", &[&["run", toolchain], &check[..]].concat());
    report.findings.extend(context.finding_unless_ok(command, "see above"));
}

/// The toolchain of this version among those of `rustup toolchain list`: `1.88-x86_64-…`, `1.88.0-x86_64-…`.
fn toolchain_of<'a>(list: &'a str, version: &str) -> Option<&'a str> {
    let mut names = list.lines().filter_map(|line| line.split('-').next());
    names.find(|name| parts(name) == parts(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, rust_version: Option<&str>) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "2.0.0".to_owned(),
            rust_version: rust_version.map(str::to_owned),
            features: [].into(),
        }
    }

    #[test]
    fn a_package_that_needs_a_newer_rust_is_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        let packages = [
            package("a", Some("1.88.0")),
            package("b", Some("1.89")),
            package("c", None),
        ];
        let findings = too_new(&packages, "1.88", lock);
        assert_eq!(findings.len(), 1);
        let said = findings[0].to_string();
        assert!(
            said.starts_with("Cargo.lock:6: b 2.0.0 needs Rust 1.89, ours is 1.88"),
            "{said}"
        );
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parts("1.100") > parts("1.88.0"));
        assert!(parts("1.9") < parts("1.88"));
        assert_eq!(parts("1.88"), parts("1.88.0"));
    }

    #[test]
    fn a_toolchain_counts_only_when_it_is_of_that_version() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n1.88.0-x86_64-unknown-linux-gnu\n";
        assert_eq!(toolchain_of(list, "1.88"), Some("1.88.0"));
        assert_eq!(toolchain_of(list, "1.8"), None);
        assert_eq!(toolchain_of("", "1.88"), None);
    }

    #[test]
    fn the_minimum_is_what_this_package_inherits() {
        assert_eq!(minimum(&[package("xtask", Some("1.88"))]), Some("1.88"));
        assert_eq!(minimum(&[package("a", Some("1.88"))]), None);
    }
}

//! `msrv`: nothing in the locked dependency tree needs a newer Rust than the workspace declares, and the workspace
//! builds with that Rust.

use cargo_metadata::{MetadataCommand, Package, semver::Version};

use crate::{report::Report, shell};

pub(crate) fn run() -> Report {
    let locked = ["--locked".to_owned()];
    let metadata = match MetadataCommand::new()
        .current_dir(shell::root())
        .other_options(locked)
        .exec()
    {
        Ok(metadata) => metadata,
        // The manifests of other platforms' packages belong to it, which no build here may have fetched.
        Err(error) => return Report::skip(format!("the dependency tree cannot be read: {error}")),
    };
    // This package inherits the version as every member does.
    let xtask = metadata
        .packages
        .iter()
        .find(|package| package.name == env!("CARGO_PKG_NAME"));
    let Some(minimum) = xtask.and_then(|package| package.rust_version.as_ref()) else {
        return ["xtask/Cargo.toml:1: there is no rust-version (inherit it)".to_owned()].into();
    };
    let mut report = Report::from(too_new(&metadata.packages, minimum));
    report.note = format!("Rust {minimum}, {} packages", metadata.packages.len());
    match toolchain(minimum) {
        Some(toolchain) => {
            let check = format!("run {toolchain} cargo check --workspace --all-targets --all-features");
            let failed = duct::cmd("rustup", check.split(' ')).dir(shell::root()).run().is_err();
            report
                .findings
                .extend(failed.then(|| format!("`rustup {check}` failed (see above)")));
        }
        None => {
            let reason = format!("the build with Rust {minimum}: `rustup toolchain install {minimum}` first");
            report.skips.push(reason);
        }
    }
    report
}

fn too_new(packages: &[Package], minimum: &Version) -> impl Iterator<Item = String> {
    let newer = |package: &&Package| package.rust_version.as_ref().is_some_and(|needed| needed > minimum);
    packages.iter().filter(newer).map(|Package { name, version, .. }| {
        format!("Cargo.lock: {name} {version} needs a newer Rust (`cargo update --precise` an older version)")
    })
}

/// The installed toolchain of this version.
fn toolchain(version: &Version) -> Option<String> {
    let installed = duct::cmd!("rustup", "toolchain", "list").stderr_null().read().ok()?;
    named(&installed, version).map(str::to_owned)
}

/// Lines read `1.88-x86_64-…` or `1.88.0-x86_64-…`.
fn named<'a>(installed: &'a str, version: &Version) -> Option<&'a str> {
    let whole = version.to_string();
    let short = format!("{}.{}", version.major, version.minor);
    let mut names = installed.lines().filter_map(|line| line.split('-').next());
    names.find(|name| *name == whole || version.patch == 0 && *name == short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_counts_only_if_it_is_of_that_version() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n1.88-x86_64-unknown-linux-gnu\n";
        assert_eq!(named(list, &Version::new(1, 88, 0)), Some("1.88"));
        assert_eq!(named(list, &Version::new(1, 8, 0)), None);
        assert_eq!(named(list, &Version::new(1, 88, 1)), None);
    }
}

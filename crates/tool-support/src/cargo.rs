//! Cargo that is run by a program that cargo runs.

use std::env;

/// Cargo describes the package of the running program in these variables.
const PACKAGE_VARIABLES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// The variables to remove from the environment of a nested cargo. Build scripts that watch them would run again, and
/// everything that depends on their packages would be built again, whenever cargo is started by hand in between.
pub fn package_variables() -> impl Iterator<Item = String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| PACKAGE_VARIABLES.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_this_package_are_found_and_others_are_not() {
        let found: Vec<_> = package_variables().collect();
        assert!(found.iter().any(|name| name == "CARGO_PKG_NAME"), "{found:?}");
        assert!(!found.iter().any(|name| name == "CARGO"), "{found:?}");
    }
}

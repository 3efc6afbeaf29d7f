//! `lint`: clippy has nothing to say, about any target with all features.

use super::{Check, Context, found};
use crate::report::Report;

pub(super) const CHECK: Check = Check {
    name: "lint",
    about: "clippy finds nothing, in any target",
    can_fix: false,
    in_ci: true,
    run,
};

fn run(context: &Context) -> Report {
    if let Some(skip) = context.lacks_component("clippy", "clippy") {
        return skip;
    }
    let targets = ["clippy", "--workspace", "--all-targets", "--all-features"];
    let command = context.cargo(&[&targets[..], &["--", "-D", "warnings"]].concat());
    found(context.finding_unless_ok(command, "see above"))
}

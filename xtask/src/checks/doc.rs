//! `doc`: rustdoc builds every crate's pages without a warning.

use std::env;

use super::{Check, Context, found};
use crate::report::Report;

pub(super) const CHECK: Check = Check {
    name: "doc",
    about: "rustdoc builds without a warning",
    can_fix: false,
    in_ci: true,
    run,
};

fn run(context: &Context) -> Report {
    let mut command = context.cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    let flags = env::var("RUSTDOCFLAGS").unwrap_or_default();
    command.env("RUSTDOCFLAGS", format!("{flags} -D warnings").trim());
    found(context.finding_unless_ok(command, "see above"))
}

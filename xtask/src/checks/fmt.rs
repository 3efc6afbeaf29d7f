//! `fmt`: all code is formatted as rustfmt does it.

use super::{Check, Context, found};
use crate::report::Report;

pub(super) const CHECK: Check = Check {
    name: "fmt",
    about: "the code is formatted",
    can_fix: true,
    in_ci: true,
    run,
};

fn run(context: &Context) -> Report {
    if let Some(skip) = context.lacks_component("fmt", "rustfmt") {
        return skip;
    }
    let command = if context.fix {
        context.cargo(&["fmt", "--all"])
    } else {
        context.cargo(&["fmt", "--all", "--check"])
    };
    found(context.finding_unless_ok(command, "run `cargo xtask fmt --fix`"))
}

//! The words after `cargo xtask`.

use std::fmt;

use clap::ValueEnum;

use crate::{
    checks::{self, external},
    report::Report,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verb {
    /// Every check from `fmt` to `counts`, also after findings, and a summary
    Ci,
    /// The code is formatted
    Fmt,
    /// Clippy finds nothing, in any target
    Lint,
    /// Every test passes; only tests that `external` runs are ignored
    Test,
    /// rustdoc builds every page without a warning
    Doc,
    /// Every crate builds by itself: without features, with each, with all (cargo-hack)
    Features,
    /// Every crate uses only the crates of its layer, and none reaches a forbidden package
    Layers,
    /// Every requirement has a test that exists and runs
    Trace,
    /// Links in Markdown lead to files, headings and tests that exist, and a test runs every example
    Links,
    /// The minimum Rust version suffices, for the dependencies too
    Msrv,
    /// Licences, sources and advisories of the dependencies (cargo-deny)
    Deny,
    /// Instruction counts of parts of a registration, compared with the committed ones; a change is not a failure (Valgrind)
    Counts,
    /// The tests that need other programs: `interop`, `manual`, `page`, `proxies`, and tests of networks, clocks and killed
    /// processes
    External,
    /// The SDKs of other languages register with the emulator, and `dps` through a real broker
    Interop,
    /// The commands of the emulator's manual run, and print what it shows
    Manual,
    /// The page of the emulator works in a real browser
    Page,
    /// Devices register through real proxies
    Proxies,
    /// The cost of a registration, compared with the floor and, with `--peers`, with the SDKs of other languages
    Bench,
}

impl Verb {
    /// The checks that this verb runs, in order.
    pub(crate) fn checks(&self) -> &[Self] {
        const IN_CI: [Verb; 11] = {
            use Verb::*;
            [Fmt, Lint, Test, Doc, Features, Layers, Trace, Links, Msrv, Deny, Counts]
        };
        match self {
            Self::Ci => &IN_CI,
            one => std::slice::from_ref(one),
        }
    }

    pub(crate) fn run(self, fix: bool, peers: bool) -> Report {
        match self {
            Self::Ci => Report::default(),
            Self::Fmt => checks::fmt(fix),
            Self::Lint => checks::lint(),
            Self::Test => checks::test(),
            Self::Doc => checks::doc(),
            Self::Features => checks::features::run(),
            Self::Layers => checks::layers::run(),
            Self::Trace => checks::trace::run(fix),
            Self::Links => checks::links::run(),
            Self::Msrv => checks::msrv::run(),
            Self::Deny => checks::deny(),
            Self::Counts => checks::bench::counts(fix),
            Self::External => external(""),
            Self::Interop => external("interop::"),
            Self::Manual => external("manual::"),
            Self::Page => external("page::"),
            Self::Proxies => external("proxies::"),
            Self::Bench => checks::bench::table(peers),
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

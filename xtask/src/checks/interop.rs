//! `interop`: the Node and Python SDKs register with the emulator, and `dps` registers through mosquitto.

mod broker;
mod cell;
mod install;
mod judge;
mod packets;
mod script;
mod sdks;
mod service;
mod stage;

use std::thread;

use self::{cell::Sdk, install::Installed};
use super::{
    Check, Context,
    cases::{self, lacks, not_run},
};
use crate::report::{Finding, Report};

pub(super) const CHECK: Check = Check {
    name: "interop",
    about: "the Node and Python SDKs register with the emulator, and `dps` through mosquitto",
    can_fix: false,
    in_ci: false,
    run,
};

const PROGRAMS: [&str; 4] = ["node", "npm", "python3", "mosquitto"];
const INSTALL: &str =
    "apt-get update && apt-get install -y --no-install-recommends nodejs npm python3 python3-venv mosquitto";

/// The device that an emulator makes by itself.
const DEVICE: &str = "device-1";
/// What a device sends along: not ASCII only.
const PAYLOAD: &str = r#"{"site":"Zürich","slots":[0,false,""],"deep":{"er":null}}"#;

/// How cells ended, in order, each with its row of the matrix.
type Outcomes = Vec<(String, Result<String, String>)>;

fn run(context: &Context) -> Report {
    if let Some(report) = lacks(&PROGRAMS, INSTALL) {
        return report;
    }
    match play(context) {
        Ok(outcomes) => cases::report(outcomes.iter().map(|(row, outcome)| (row.as_str(), outcome.clone()))),
        Err(why) => not_run(Finding::general(why, "see above")),
    }
}

/// Every part has programs of its own, so they go on at the same time.
fn play(context: &Context) -> Result<Outcomes, String> {
    let installed = Installed::ensure(context)?;
    let parts = thread::scope(|scope| {
        let parts = [
            scope.spawn(|| sdks::play(context, &installed, Sdk::Node)),
            scope.spawn(|| sdks::play(context, &installed, Sdk::Python)),
            scope.spawn(|| broker::play(context, &installed)),
        ];
        parts.map(|part| part.join().unwrap_or_else(|_| Err("a part panicked".to_owned())))
    });
    let parts: Result<Vec<_>, _> = parts.into_iter().collect();
    parts.map(|parts| parts.concat())
}

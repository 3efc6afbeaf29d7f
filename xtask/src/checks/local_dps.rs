//! `dps-emulator` as a process, and `dps` to register with it: what the checks with real programs share.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{
    Context,
    programs::{Running, Scratch},
};
use crate::{process::each_line, test_binaries::WORKSPACE};

/// What the emulator says on stderr.
const LOG: &str = "emulator.log";

/// Where the emulator says where it listens, and the key of its control endpoint.
const READY: &str = "ready.json";

/// Where the emulator notes packets and decisions.
const PACKETS: &str = "packets.log";

/// Everything that could send a registration elsewhere.
const PROXY_VARIABLES: [&str; 6] = [
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// A running emulator; it ends with this.
pub(super) struct LocalDps {
    dps: PathBuf,
    /// What it said when it listened.
    pub(super) ready: Value,
    _running: Running,
    pub(super) scratch: Scratch,
}

impl LocalDps {
    /// Builds it and starts it, in a folder of its own, with these flags; on free ports unless they say otherwise.
    pub(super) fn start(context: &Context, name: &str, flags: &[&str]) -> Result<Self, String> {
        let [dps, emulator] = build(context, ["dps", "dps-emulator"])?;
        let scratch = Scratch::new(name).map_err(|error| format!("there is no temporary folder: {error}"))?;
        let mut command = Command::new(emulator);
        for flag in ["--mqtt-port", "--ws-port", "--control-port", "--page-port"] {
            if !flags.contains(&flag) {
                command.args([flag, "0"]);
            }
        }
        command.arg("--dir").arg(scratch.file("")).args(flags);
        command.arg("--log").arg(scratch.file(PACKETS));
        command.arg("--ready-file").arg(scratch.file(READY));
        let mut running = Running::start("the emulator", &mut command, &scratch.file(LOG), true)?;
        first_line(&mut running)?;
        let ready = read_ready(&scratch.file(READY))?;
        Ok(Self {
            dps,
            ready,
            _running: running,
            scratch,
        })
    }

    /// The port of this name.
    pub(super) fn port(&self, name: &str) -> Result<u16, String> {
        let port = self.ready[name].as_u64().and_then(|port| u16::try_from(port).ok());
        port.ok_or_else(|| format!("the emulator says {}", self.ready))
    }

    /// `dps register` for the emulator's own device, at this port; the environment names no proxy.
    pub(super) fn register(&self, port: u16) -> Command {
        let mut command = Command::new(&self.dps);
        command.args(["register", "--json", "--host", &format!("localhost:{port}")]);
        command.args(["--id-scope", self.ready["idScope"].as_str().unwrap_or_default()]);
        for (flag, file) in [
            ("--ca", "ca.pem"),
            ("--cert", "devices/device-1.pem"),
            ("--key", "devices/device-1.key"),
        ] {
            command.arg(flag).arg(self.scratch.file(file));
        }
        for name in PROXY_VARIABLES {
            command.env_remove(name);
        }
        command
    }

    /// Its log of packets and decisions, one JSON object a line.
    pub(super) fn packets(&self) -> PathBuf {
        self.scratch.file(PACKETS)
    }

    /// What it said on stderr.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.scratch.file(LOG)).unwrap_or_default()
    }
}

/// Builds programs and examples of the workspace as `test` builds them, tests included: with those, dependencies have
/// other features, and nothing is to be built twice. Where they are.
pub(super) fn build<const N: usize>(context: &Context, names: [&str; N]) -> Result<[PathBuf; N], String> {
    let words = [
        &["test", "--no-run"],
        &WORKSPACE[..],
        &["--message-format", "json-render-diagnostics"],
    ]
    .concat();
    let mut command = context.cargo(&words);
    let mut built = Vec::new();
    match each_line(&mut command, |line| built.extend(program(line))) {
        Ok(true) => {}
        Ok(false) => return Err(format!("{} do not build", names.join(" and "))),
        Err(error) => return Err(format!("cargo could not be run: {error}")),
    }
    let is = |path: &PathBuf, name| path.file_stem().is_some_and(|stem| stem == name);
    let found: Option<Vec<_>> = names
        .iter()
        .map(|name| built.iter().find(|path| is(path, *name)).cloned())
        .collect();
    let found = found.and_then(|found| found.try_into().ok());
    found.ok_or_else(|| format!("cargo does not say where it put {}", names.join(" and ")))
}

/// The program in one of cargo's messages.
fn program(message: &str) -> Option<PathBuf> {
    let value: Value = serde_json::from_str(message).ok()?;
    value["executable"].as_str().map(PathBuf::from)
}

/// Waits until the emulator listens, which it says with one line.
fn first_line(emulator: &mut Running) -> Result<(), String> {
    let mut line = String::new();
    if let Some(stdout) = emulator.answers() {
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| format!("the emulator cannot be heard: {error}"))?;
    }
    match line.trim() {
        "" => Err("the emulator does not listen".to_owned()),
        _ => Ok(()),
    }
}

/// What the emulator wrote before it said that.
fn read_ready(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("the ready file: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("the ready file holds {text:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_messages_name_programs() {
        let named = program(r#"{"reason":"compiler-artifact","executable":"/t/debug/dps"}"#);
        assert_eq!(named, Some("/t/debug/dps".into()));
        assert_eq!(program(r#"{"reason":"compiler-artifact","executable":null}"#), None);
        assert_eq!(program("Compiling"), None);
    }
}

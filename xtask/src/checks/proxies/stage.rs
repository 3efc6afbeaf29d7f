//! What the registrations need: `dps`, a local DPS, a tinyproxy and a microsocks, each on ports of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    super::Context,
    PASSWORD, USER,
    programs::{Running, Scratch, free_ports},
};
use crate::{console::say, process::each_line, test_binaries::WORKSPACE};

const LOGS: [&str; 3] = ["emulator.log", "tinyproxy.log", "microsocks.log"];

/// Everything that runs; it ends with this.
pub(super) struct Stage {
    dps: PathBuf,
    mqtt_port: u16,
    ws_port: u16,
    id_scope: String,
    pub(super) http_port: u16,
    pub(super) socks_port: u16,
    pub(super) closed_port: u16,
    _running: [Running; 3],
    scratch: Scratch,
}

/// The words and variables of one `dps register`.
pub(super) struct Run {
    proxy: String,
    variable: Option<&'static str>,
    websocket: bool,
    port: Option<u16>,
}

impl Run {
    /// Through this proxy, over MQTT.
    pub(super) fn through(proxy: &str) -> Self {
        Self {
            proxy: proxy.to_owned(),
            variable: None,
            websocket: false,
            port: None,
        }
    }

    pub(super) fn over_websocket(mut self) -> Self {
        self.websocket = true;
        self
    }

    /// The proxy is named by this variable rather than by a flag.
    pub(super) fn named_by(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }

    /// To this port rather than to the service's.
    pub(super) fn at_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }
}

impl Stage {
    pub(super) fn set(context: &Context) -> Result<Self, String> {
        let (dps, emulator) = build(context)?;
        let scratch = Scratch::new().map_err(|error| format!("there is no temporary folder: {error}"))?;
        let mut emulator = Running::start(
            "the emulator",
            Command::new(emulator)
                .args(["--mqtt-port", "0", "--ws-port", "0", "--control-port", "0", "--page-port", "0", "--dir"])
                .arg(scratch.file("")),
            &scratch.file(LOGS[0]),
            true,
        )?;
        let ready = first_line(&mut emulator)?;
        let port = |name: &str| ready[name].as_u64().and_then(|port| u16::try_from(port).ok());
        let (Some(mqtt_port), Some(ws_port), Some(id_scope)) =
            (port("mqttPort"), port("wsPort"), ready["idScope"].as_str())
        else {
            return Err(format!("the emulator says {ready}"));
        };
        let [http_port, socks_port, closed_port] = free_ports()?;
        let tinyproxy = tinyproxy(&scratch, http_port, &[mqtt_port, ws_port])?;
        let microsocks = microsocks(&scratch, socks_port)?;
        say(&format!(
            "the local DPS on ports {mqtt_port} and {ws_port}, tinyproxy on {http_port}, microsocks on {socks_port}"
        ));
        Ok(Self {
            dps,
            mqtt_port,
            ws_port,
            id_scope: id_scope.to_owned(),
            http_port,
            socks_port,
            closed_port,
            _running: [emulator, tinyproxy, microsocks],
            scratch,
        })
    }

    /// Registers the emulator's own device; everything is traced.
    pub(super) fn dps(&self, run: &Run) -> Result<Output, String> {
        let port = if run.websocket { self.ws_port } else { self.mqtt_port };
        let mut command = Command::new(&self.dps);
        command.args(["register", "--json", "--id-scope", &self.id_scope]);
        command.args(["--host", &format!("localhost:{}", run.port.unwrap_or(port))]);
        for (flag, file) in [
            ("--ca", "ca.pem"),
            ("--cert", "devices/device-1.pem"),
            ("--key", "devices/device-1.key"),
        ] {
            command.arg(flag).arg(self.scratch.file(file));
        }
        for name in [
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
            "no_proxy",
            "NO_PROXY",
        ] {
            command.env_remove(name);
        }
        match run.variable {
            Some(name) => command.arg("--proxy-from-environment").env(name, &run.proxy),
            None => command.args(["--proxy", &run.proxy]),
        };
        if run.websocket {
            command.arg("--websocket");
        }
        let output = command.env("RUST_LOG", "trace").output();
        output.map_err(|error| format!("dps could not be started: {error}"))
    }

    /// Shows what the programs said.
    pub(super) fn show_logs(&self) {
        for name in LOGS {
            let text = fs::read_to_string(self.scratch.file(name)).unwrap_or_default();
            say(&format!("-- {name}\n{}", text.trim_end()));
        }
    }
}

/// Builds what `test` builds, so that nothing is built twice: `dps` and the emulator.
fn build(context: &Context) -> Result<(PathBuf, PathBuf), String> {
    let bins = [
        "--bin",
        "dps",
        "--bin",
        "dps-emulator",
        "--message-format",
        "json-render-diagnostics",
    ];
    let words = [&["build"], &WORKSPACE[..], &bins].concat();
    let mut built = Vec::new();
    let done = each_line(&mut context.cargo(&words), |line| built.extend(program(line)));
    let find = |name: &str| {
        let found = built
            .iter()
            .find(|path| path.file_stem().is_some_and(|stem| stem == name));
        found
            .cloned()
            .ok_or_else(|| format!("cargo does not say where it put {name}"))
    };
    match done {
        Ok(true) => Ok((find("dps")?, find("dps-emulator")?)),
        Ok(false) => Err("dps and dps-emulator do not build".to_owned()),
        Err(error) => Err(format!("cargo could not be run: {error}")),
    }
}

/// The program in one of cargo's messages.
fn program(message: &str) -> Option<PathBuf> {
    let value: Value = serde_json::from_str(message).ok()?;
    value["executable"].as_str().map(PathBuf::from)
}

/// What the emulator says when it listens.
fn first_line(emulator: &mut Running) -> Result<Value, String> {
    let mut line = String::new();
    if let Some(stdout) = emulator.answers() {
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| format!("the emulator cannot be heard: {error}"))?;
    }
    serde_json::from_str(&line).map_err(|error| format!("the emulator says {line:?}: {error}"))
}

fn tinyproxy(scratch: &Scratch, port: u16, allowed: &[u16]) -> Result<Running, String> {
    let mut config = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth {USER} {PASSWORD}\n");
    config.extend(allowed.iter().map(|port| format!("ConnectPort {port}\n")));
    let file = scratch.file("tinyproxy.conf");
    fs::write(&file, config).map_err(|error| format!("tinyproxy.conf cannot be written: {error}"))?;
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(file);
    listening("tinyproxy", &mut command, &scratch.file(LOGS[1]), port)
}

fn microsocks(scratch: &Scratch, port: u16) -> Result<Running, String> {
    let mut command = Command::new("microsocks");
    command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", USER, "-P", PASSWORD]);
    listening("microsocks", &mut command, &scratch.file(LOGS[2]), port)
}

fn listening(name: &'static str, command: &mut Command, log: &Path, port: u16) -> Result<Running, String> {
    let mut running = Running::start(name, command, log, false)?;
    running.wait_for(port).map(|()| running)
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

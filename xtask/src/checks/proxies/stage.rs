//! What the registrations need: a local DPS, a tinyproxy and a microsocks, each on ports of its own.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use super::{
    super::{
        Context,
        local_dps::LocalDps,
        programs::{Running, Scratch, free_ports},
    },
    PASSWORD, USER,
};
use crate::console::say;

const LOGS: [&str; 2] = ["tinyproxy.log", "microsocks.log"];

/// Everything that runs; it ends with this.
pub(super) struct Stage {
    dps: LocalDps,
    mqtt_port: u16,
    ws_port: u16,
    pub(super) http_port: u16,
    pub(super) socks_port: u16,
    pub(super) closed_port: u16,
    _running: [Running; 2],
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
        let dps = LocalDps::start(context, "proxies", &[])?;
        let (mqtt_port, ws_port) = (dps.port("mqttPort")?, dps.port("wsPort")?);
        let [http_port, socks_port, closed_port] = free_ports()?;
        let tinyproxy = tinyproxy(&dps.scratch, http_port, &[mqtt_port, ws_port])?;
        let microsocks = microsocks(&dps.scratch, socks_port)?;
        say(&format!(
            "the local DPS on ports {mqtt_port} and {ws_port}, tinyproxy on {http_port}, microsocks on {socks_port}"
        ));
        Ok(Self {
            dps,
            mqtt_port,
            ws_port,
            http_port,
            socks_port,
            closed_port,
            _running: [tinyproxy, microsocks],
        })
    }

    /// Registers the emulator's own device; everything is traced.
    pub(super) fn dps(&self, run: &Run) -> Result<Output, String> {
        let port = if run.websocket { self.ws_port } else { self.mqtt_port };
        let mut command = self.dps.register(run.port.unwrap_or(port));
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
        say(&format!("-- the emulator\n{}", self.dps.said().trim_end()));
        for name in LOGS {
            let text = fs::read_to_string(self.dps.scratch.file(name)).unwrap_or_default();
            say(&format!("-- {name}\n{}", text.trim_end()));
        }
    }
}

fn tinyproxy(scratch: &Scratch, port: u16, allowed: &[u16]) -> Result<Running, String> {
    let mut config = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth {USER} {PASSWORD}\n");
    config.extend(allowed.iter().map(|port| format!("ConnectPort {port}\n")));
    let file = scratch.file("tinyproxy.conf");
    fs::write(&file, config).map_err(|error| format!("tinyproxy.conf cannot be written: {error}"))?;
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(file);
    listening("tinyproxy", &mut command, &scratch.file(LOGS[0]), port)
}

fn microsocks(scratch: &Scratch, port: u16) -> Result<Running, String> {
    let mut command = Command::new("microsocks");
    command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", USER, "-P", PASSWORD]);
    listening("microsocks", &mut command, &scratch.file(LOGS[1]), port)
}

fn listening(name: &'static str, command: &mut Command, log: &Path, port: u16) -> Result<Running, String> {
    let mut running = Running::start(name, command, log, false)?;
    running.wait_for(port).map(|()| running)
}

//! The other way round: `dps` registers through mosquitto, a broker that others wrote, with a script as the service;
//! and what comes of an assignment connects to mosquitto as if it were the hub.

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::Value;

use super::{
    super::{
        Context,
        local_dps::{LocalDps, build},
        programs::{Running, free_ports},
    },
    DEVICE, Outcomes, PAYLOAD,
    cell::row,
    install::Installed,
    script::Script,
};
const HUB: &str = "behind-mosquitto.azure-devices.net";
/// The script answers this with 401.
const REFUSE_ME: &str = r#""refuse me""#;
const LOG: &str = "mosquitto.log";
/// How long the example may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The broker, the service behind it, and the certificates of both sides.
struct Stage {
    /// Its CA signed everything; nobody connects to it.
    dps: LocalDps,
    ports: Ports,
    service: Script,
    _mosquitto: Running,
}

/// Where mosquitto listens.
struct Ports {
    mqtt: u16,
    websocket: u16,
    /// TLS, without a client certificate if need be.
    hub: u16,
    /// Plain, for the script.
    service: u16,
}

/// Plays the cells of `dps`.
pub(super) fn play(context: &Context, installed: &Installed) -> Result<Outcomes, String> {
    let mut stage = Stage::set(context, installed)?;
    let (mqtt, websocket) = (stage.ports.mqtt, stage.ports.websocket);
    Ok(vec![
        (row("dps", "MQTT", "X.509", "via mosquitto"), stage.assigned(mqtt, &[])),
        (
            row("dps", "WebSocket", "X.509", "via mosquitto"),
            stage.assigned(websocket, &["--websocket"]),
        ),
        (row("dps", "MQTT", "X.509", "refused"), stage.refused(mqtt, &[])),
        (
            row("dps", "WebSocket", "X.509", "refused"),
            stage.refused(websocket, &["--websocket"]),
        ),
        (
            row("example hub", "MQTT", "both kinds", "hub: mosquitto"),
            stage.hub(context),
        ),
    ])
}

impl Stage {
    fn set(context: &Context, installed: &Installed) -> Result<Self, String> {
        let dps = LocalDps::start(context, "interop-broker", &[])?;
        let [mqtt, websocket, hub, service] = free_ports()?;
        let ports = Ports {
            mqtt,
            websocket,
            hub,
            service,
        };
        let config = dps.scratch.file("mosquitto.conf");
        fs::write(&config, ports.config(&dps.scratch.file("")))
            .map_err(|error| format!("mosquitto.conf cannot be written: {error}"))?;
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(config);
        let mut mosquitto = Running::start("mosquitto", &mut command, &dps.scratch.file(LOG), false)?;
        mosquitto.wait_for(ports.service)?;
        let mut command = installed.node("mosquitto/service.js", &dps.scratch.file("ca.pem"));
        command.args([&ports.service.to_string(), HUB]);
        let mut service = Script::start("the service behind mosquitto", command)?;
        service.next()?;
        Ok(Self {
            dps,
            ports,
            service,
            _mosquitto: mosquitto,
        })
    }

    fn assigned(&mut self, port: u16, flags: &[&str]) -> Result<String, String> {
        let (code, answer) = self.register(port, flags, PAYLOAD)?;
        let asked = self.service.rest();
        let is_assigned = code == Some(0) && answer["assignedHub"] == HUB && answer["deviceId"] == DEVICE;
        match asked.as_slice() {
            [register, poll] if is_assigned && is_get(poll) => {
                heard(register, PAYLOAD).map(|()| format!("assigned to {HUB}"))
            }
            _ => Err(format!("{answer}, {code:?}; the service was asked {asked:?}")),
        }
    }

    fn refused(&mut self, port: u16, flags: &[&str]) -> Result<String, String> {
        let (code, answer) = self.register(port, flags, REFUSE_ME)?;
        let asked = self.service.rest();
        let error = &answer["error"];
        let is_refused = code == Some(3) && error["kind"] == "unauthorized" && error["errorCode"] == 401002;
        match asked.as_slice() {
            [register] if is_refused => heard(register, REFUSE_ME).map(|()| error["message"].to_string()),
            _ => Err(format!("{answer}, {code:?}; the service was asked {asked:?}")),
        }
    }

    /// The exit code and the answer of `dps`.
    fn register(&self, port: u16, flags: &[&str], payload: &str) -> Result<(Option<i32>, Value), String> {
        let mut command = self.dps.register(port);
        let output = command
            .args(["--timeout", "30", "--payload", payload])
            .args(flags)
            .output();
        let output = output.map_err(|error| format!("dps could not be started: {error}"))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let answer = serde_json::from_str(&stdout).map_err(|error| format!("dps said {stdout:?}: {error}"))?;
        Ok((output.status.code(), answer))
    }

    /// Runs the example that goes on to the hub; mosquitto must have been shown what a hub wants to see.
    fn hub(&self, context: &Context) -> Result<String, String> {
        let [example] = build(context, ["hub"])?;
        let mut command = Command::new(example);
        command
            .arg(self.ports.hub.to_string())
            .arg(self.dps.scratch.file("ca.pem"));
        let running = Running::start("the example", &mut command, &self.dps.scratch.file("hub.log"), true)?;
        let said = running.hear(LIMIT)?;
        let log = fs::read_to_string(self.dps.scratch.file(LOG)).unwrap_or_default();
        let shown: Vec<_> = log
            .lines()
            .filter(|line| line.contains("New client connected"))
            .collect();
        for device in ["meter-1", "meter-2"] {
            let (id, user) = (format!(" as {device} ("), format!("u'localhost/{device}/?api-version="));
            if !shown.iter().any(|line| line.contains(&id) && line.contains(&user)) {
                return Err(format!("mosquitto was not shown {device} and its user name: {shown:?}"));
            }
        }
        Ok(said.trim_end().replace('\n', "; "))
    }
}

impl Ports {
    fn config(&self, folder: &Path) -> String {
        let folder = folder.display();
        let tls = format!("cafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n");
        let Self {
            mqtt,
            websocket,
            hub,
            service,
        } = self;
        // As root it would otherwise become a user who cannot read the keys.
        format!(
            "user root\nlog_dest stderr\nlog_type all\nallow_anonymous true\n\
             listener {mqtt} 127.0.0.1\n{tls}require_certificate true\n\
             listener {websocket} 127.0.0.1\nprotocol websockets\n{tls}require_certificate true\n\
             listener {hub} 127.0.0.1\n{tls}\
             listener {service} 127.0.0.1\n"
        )
    }
}

fn is_get(asked: &Value) -> bool {
    asked["asked"].as_str().is_some_and(|topic| {
        topic.starts_with("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=")
            && topic.contains("&operationId=4.")
    })
}

/// Whether a request to register is what protocol.md has, with this payload.
fn heard(asked: &Value, payload: &str) -> Result<(), String> {
    let topic = asked["asked"].as_str().unwrap_or_default();
    let body: Value = asked["payload"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .unwrap_or_default();
    let payload: Value = payload.parse().unwrap_or_default();
    let is_right = topic.starts_with("$dps/registrations/PUT/iotdps-register/?$rid=")
        && body["registrationId"] == DEVICE
        && body["payload"] == payload;
    is_right
        .then_some(())
        .ok_or_else(|| format!("the service was asked {asked}"))
}

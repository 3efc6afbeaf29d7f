//! Devices with an SDK of another language, against an emulator of their own.

use serde_json::{Value, json};

use super::{
    super::{Context, local_dps::LocalDps},
    DEVICE, Outcomes, PAYLOAD,
    cell::{CELLS, Cell, Outcome, Sdk, Transport},
    install::Installed,
    judge::judge,
    packets::{PacketLog, Packets},
    script::Script,
    service,
};
use crate::console::say;

/// The Python SDK knows the service's own ports only, so its emulator has an address of its own.
const PYTHON_HOST: &str = "127.0.0.8";

/// Everything that the cells of one SDK need.
pub(super) struct Stage<'a> {
    installed: &'a Installed,
    dps: LocalDps,
    host: &'static str,
    log: PacketLog,
    service: Script,
}

/// Plays the cells of this SDK, one after the other.
pub(super) fn play(context: &Context, installed: &Installed, sdk: Sdk) -> Result<Outcomes, String> {
    let mut stage = Stage::set(context, installed, sdk)?;
    let cells = CELLS.into_iter().filter(|cell| cell.sdk == sdk);
    let mut outcomes: Outcomes = cells.map(|cell| (cell.to_string(), stage.play(cell))).collect();
    if sdk == Sdk::Node {
        outcomes.extend(service::play(&mut stage));
    }
    Ok(outcomes)
}

impl<'a> Stage<'a> {
    fn set(context: &Context, installed: &'a Installed, sdk: Sdk) -> Result<Self, String> {
        let (dps, host) = match sdk {
            Sdk::Node => (LocalDps::start(context, "interop-node", &[])?, "localhost"),
            Sdk::Python => {
                let flags = [
                    "--listen",
                    PYTHON_HOST,
                    "--host",
                    PYTHON_HOST,
                    "--mqtt-port",
                    "8883",
                    "--ws-port",
                    "443",
                ];
                let dps = LocalDps::start(context, "interop-python", &flags).map_err(|error| {
                    format!("{error}\nthe Python SDK needs ports 8883 and 443 of {PYTHON_HOST}; 443 may need root")
                })?;
                (dps, PYTHON_HOST)
            }
        };
        let ca = dps.scratch.file("ca.pem");
        Ok(Self {
            installed,
            log: PacketLog::new(dps.packets()),
            service: Script::start("the service SDK", installed.node("node/service.js", &ca))?,
            dps,
            host,
        })
    }

    /// Has the service SDK do this; what it said, and what the emulator noted.
    pub(super) fn operate(&mut self, mut task: Value) -> Result<(Value, Packets), String> {
        task["ready"] = self.dps.ready.clone();
        let said = self.service.ask(&task)?;
        Ok((said, self.log.so_far()?))
    }

    fn play(&mut self, cell: Cell) -> Result<String, String> {
        self.break_for(cell)?;
        let question = self.question(cell)?;
        let said = self.device(cell.sdk)?.ask(&question)?;
        let outcome = judge(cell, &said, &self.log.next()?);
        say(&format!("played  {cell}"));
        outcome
    }

    /// A process of its own for every cell: after a refusal, an SDK may go on connecting behind the next one's back.
    fn device(&self, sdk: Sdk) -> Result<Script, String> {
        let command = match sdk {
            Sdk::Node => self.installed.node("node/device.js", &self.dps.scratch.file("ca.pem")),
            Sdk::Python => self.installed.python("python/device.py"),
        };
        Script::start("the device", command)
    }

    /// Has the emulator go wrong, or right, as the cell needs it.
    fn break_for(&mut self, cell: Cell) -> Result<(), String> {
        let faults = match cell.outcome {
            Outcome::Throttled => {
                json!([{"name": "refuse", "step": "answer", "code": 429, "retryAfter": 1, "count": 2}])
            }
            Outcome::Refused => json!([{"name": "refuse", "step": "answer", "code": 401}]),
            _ => json!([]),
        };
        let (said, _) = self.operate(json!({"do": "faults", "faults": faults}))?;
        match said.get("done") {
            Some(_) => Ok(()),
            None => Err(format!("no faults: {said}")),
        }
    }

    fn question(&self, cell: Cell) -> Result<Value, String> {
        let (websocket, port) = match cell.transport {
            Transport::Mqtt => (false, "mqttPort"),
            Transport::WebSocket => (true, "wsPort"),
        };
        let other = |outcome, other, usual| if cell.outcome == outcome { other } else { usual };
        let mut question = json!({
            "host": self.host,
            "port": self.dps.port(port)?,
            "websocket": websocket,
            "ca": self.dps.scratch.file("ca.pem"),
            "cert": self.dps.scratch.file("devices/device-1.pem"),
            "key": self.dps.scratch.file("devices/device-1.key"),
            "idScope": other(Outcome::OtherScope, "0neOther", self.dps.ready["idScope"].as_str().unwrap_or_default()),
            "registrationId": other(Outcome::OtherId, "device-2", DEVICE),
        });
        if cell.outcome == Outcome::Payload {
            question["payload"] = serde_json::from_str(PAYLOAD).map_err(|error| error.to_string())?;
        }
        Ok(question)
    }
}

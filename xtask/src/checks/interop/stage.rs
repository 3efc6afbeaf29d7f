//! An emulator of one SDK's own, and all that its cells are played with.

use serde_json::{Value, json};

use super::{
    super::{Context, local_dps::LocalDps},
    DEVICE, PAYLOAD,
    cell::{Cell, Credential, Outcome, Sdk, Transport},
    install::Installed,
    judge::judge,
    packets::{PacketLog, Packets},
    script::Script,
};
use crate::console::say;

/// The Python SDK knows the service's own ports only, so its emulator has an address of its own.
const PYTHON_HOST: &str = "127.0.0.8";

/// The device that has a symmetric key; the group that it may be in has the same name.
const KEYED_DEVICE: &str = "keyed-device";
/// An enrollment's secondary key, 48 bytes: the harder of the two.
const KEY: &str = "dGhlIHNlY29uZGFyeSBrZXkgb2YgYW4gZW5yb2xsbWVudCBpbiBhIGNlbGwgb2Yg";
const OTHER_KEY: &str = "dGhlIGZpcnN0ICAgICBrZXkgb2YgYW4gZW5yb2xsbWVudCBpbiBhIGNlbGwgb2Yg";
const WRONG_KEY: &str = "dGhlIHdyb25nICAgICBrZXkgb2YgYW4gZW5yb2xsbWVudCBpbiBhIGNlbGwgb2Yg";

/// Everything that the cells of one SDK need.
pub(super) struct Stage<'a> {
    installed: &'a Installed,
    dps: LocalDps,
    host: &'static str,
    log: PacketLog,
    service: Script,
}

impl<'a> Stage<'a> {
    pub(super) fn set(context: &Context, installed: &'a Installed, sdk: Sdk) -> Result<Self, String> {
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

    pub(super) fn play(&mut self, cell: Cell) -> Result<String, String> {
        self.break_for(cell)?;
        self.enroll(cell)?;
        let question = self.question(cell)?;
        let said = self.device(cell.sdk)?.ask(&question)?;
        let outcome = judge(cell, &said, &self.log.next()?);
        self.withdraw(cell)?;
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
        done(&said)
    }

    /// Has the service SDK make the enrollment that a cell with a symmetric key needs.
    fn enroll(&mut self, cell: Cell) -> Result<(), String> {
        let (task, id) = match cell.credential {
            Credential::X509 => return Ok(()),
            Credential::Own => ("put", "registrationId"),
            Credential::Group => ("putGroup", "enrollmentGroupId"),
        };
        let status = if cell.outcome == Outcome::Disabled {
            "disabled"
        } else {
            "enabled"
        };
        let keys = json!({"primaryKey": OTHER_KEY, "secondaryKey": KEY});
        let mut enrollment = json!({
            "provisioningStatus": status,
            "attestation": {"type": "symmetricKey", "symmetricKey": keys},
        });
        enrollment[id] = KEYED_DEVICE.into();
        if cell.outcome == Outcome::Payload {
            // Only a webhook answers with a payload; the emulator's is an echo.
            enrollment["allocationPolicy"] = "custom".into();
            enrollment["iotHubs"] = json!(["interop.azure-devices.net"]);
            enrollment["customAllocationDefinition"] =
                json!({"webhookUrl": "https://localhost/allocate", "apiVersion": "2021-10-01"});
        }
        let (said, _) = self.operate(json!({"do": task, "enrollment": enrollment}))?;
        done(&said)
    }

    /// Takes the enrollment away again: the next cell may want it in the other form.
    fn withdraw(&mut self, cell: Cell) -> Result<(), String> {
        let task = match cell.credential {
            Credential::X509 => return Ok(()),
            Credential::Own => "delete",
            Credential::Group => "deleteGroup",
        };
        let (said, _) = self.operate(json!({"do": task, "id": KEYED_DEVICE}))?;
        done(&said)
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
            "idScope": other(Outcome::OtherScope, "0neOther", self.dps.ready["idScope"].as_str().unwrap_or_default()),
        });
        match cell.credential {
            Credential::X509 => {
                question["registrationId"] = other(Outcome::OtherId, "device-2", DEVICE).into();
                question["cert"] = json!(self.dps.scratch.file("devices/device-1.pem"));
                question["key"] = json!(self.dps.scratch.file("devices/device-1.key"));
            }
            Credential::Own | Credential::Group => {
                let name = if cell.credential == Credential::Own {
                    "symmetricKey"
                } else {
                    "groupKey"
                };
                question["registrationId"] = KEYED_DEVICE.into();
                question[name] = other(Outcome::WrongKey, WRONG_KEY, KEY).into();
            }
        }
        if cell.outcome == Outcome::Payload {
            question["payload"] = serde_json::from_str(PAYLOAD).map_err(|error| error.to_string())?;
        }
        Ok(question)
    }
}

fn done(said: &Value) -> Result<(), String> {
    match said.get("done") {
        Some(_) => Ok(()),
        None => Err(format!("the service SDK said {said}")),
    }
}

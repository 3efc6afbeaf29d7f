//! One registration of a device SDK with an emulator of its own.

use std::{
    net::Ipv4Addr,
    process,
    sync::atomic::{AtomicU8, Ordering},
};

use provisioning_emulator::{AllocationPolicy, Builder, Effect, Emulator, Enrollment, Fault, Step};
use serde_json::{Value, json};

use super::{PAYLOAD, install, script};
use crate::support::{DEVICE, LocalDps};

/// The device with a symmetric key. Its group has the same name.
const KEYED_DEVICE: &str = "keyed-device";
/// The secondary key of an enrollment. Its 48 bytes are longer than an HMAC-SHA256.
const KEY: &str = "dGhlIHNlY29uZGFyeSBrZXkgb2YgYW4gZW5yb2xsbWVudCBpbiBhIGNlbGwgb2Yg";
const OTHER_KEY: &str = "dGhlIGZpcnN0ICAgICBrZXkgb2YgYW4gZW5yb2xsbWVudCBpbiBhIGNlbGwgb2Yg";
const WRONG_KEY: &str = "dGhlIHdyb25nICAgICBrZXkgb2YgYW4gZW5yb2xsbWVudCBpbiBhIGNlbGwgb2Yg";

/// A registration and its expected outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registration {
    pub(super) sdk: Sdk,
    pub(super) transport: Transport,
    pub(super) credential: Credential,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sdk {
    Node,
    Python,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Mqtt,
    WebSocket,
    Https,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    /// A certificate of the emulator's CA.
    X509,
    /// The symmetric key of an individual enrollment.
    OwnKey,
    /// A key that is derived from the key of an enrollment group.
    GroupKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Assigned,
    /// Assigned, with a payload in the request and in the answer.
    Payload,
    /// Assigned after two answers with status 429.
    Throttled,
    /// Refused by an answer with status 401.
    Refused,
    /// Refused by CONNACK: another id scope.
    OtherScope,
    /// Refused by CONNACK: the certificate of another device.
    OtherId,
    /// Refused by CONNACK: a token that is signed with a key that the enrollment does not have.
    WrongKey,
    /// The enrollment is disabled.
    Disabled,
}

impl Registration {
    /// Registers, and asserts the outcome by the result of the SDK and by the emulator's log.
    pub(super) async fn run(self) {
        let command = match self.sdk {
            Sdk::Node => install::node("device.js").await,
            Sdk::Python => install::python("device.py").await,
        };
        let dps = LocalDps::start_with(self.emulator()).await;
        self.prepare(&dps.emulator);
        let (result, _device) = script::ask("the device", command, &dps, &self.parameters(&dps)).await;
        let log = match self.transport {
            Transport::Mqtt | Transport::WebSocket => dps.log_of_ended_connections().await,
            Transport::Https => dps.log(),
        };
        self.assert_outcome(&result, &log);
    }

    fn emulator(self) -> Builder {
        match (self.sdk, self.transport) {
            (Sdk::Node, Transport::Mqtt | Transport::WebSocket) => Emulator::builder(),
            // They connect to the ports of the service only.
            (Sdk::Python, _) | (Sdk::Node, Transport::Https) => Emulator::builder()
                .listen(own_address().into())
                .mqtt_port(8883)
                .websocket_port(443),
        }
    }

    fn prepare(self, emulator: &Emulator) {
        let refuse = |code, retry_after| {
            let effect = Effect::Refuse {
                code: Some(code),
                retry_after,
            };
            Fault::new(effect, Step::Answer).expect("a fault")
        };
        match self.outcome {
            Outcome::Throttled => emulator.inject(refuse(429, Some(1)).times(2)),
            Outcome::Refused => emulator.inject(refuse(401, None)),
            _ => {}
        }
        let enrollment = match self.credential {
            Credential::X509 => return,
            Credential::OwnKey => Enrollment::individual(KEYED_DEVICE),
            Credential::GroupKey => Enrollment::group(KEYED_DEVICE),
        };
        let mut enrollment = enrollment.symmetric_keys(OTHER_KEY, KEY);
        if self.outcome == Outcome::Disabled {
            enrollment = enrollment.disabled();
        }
        if self.outcome == Outcome::Payload {
            // Only custom allocation answers with a payload.
            enrollment = enrollment.hubs(["interop.azure-devices.net"], AllocationPolicy::Custom);
        }
        emulator.enroll(enrollment).expect("an enrollment");
    }

    /// What the script registers with.
    fn parameters(self, dps: &LocalDps) -> Value {
        let emulator = &dps.emulator;
        let (websocket, address) = match self.transport {
            Transport::Mqtt => (false, emulator.mqtt_address()),
            Transport::WebSocket | Transport::Https => (true, emulator.websocket_address()),
        };
        let (host, port) = address.rsplit_once(':').expect("a host and a port");
        let when = |outcome, then, otherwise| if self.outcome == outcome { then } else { otherwise };
        let mut parameters = json!({
            "host": host,
            "port": port,
            "websocket": websocket,
            "https": self.transport == Transport::Https,
            "ca": dps.file("ca.pem"),
            "idScope": when(Outcome::OtherScope, "0neOther", emulator.id_scope()),
        });
        let key = when(Outcome::WrongKey, WRONG_KEY, KEY);
        match self.credential {
            Credential::X509 => {
                parameters["registrationId"] = when(Outcome::OtherId, "device-2", DEVICE).into();
                parameters["cert"] = json!(dps.file("devices/device-1.pem"));
                parameters["key"] = json!(dps.file("devices/device-1.key"));
                return self.with_payload(parameters);
            }
            Credential::OwnKey => parameters["symmetricKey"] = key.into(),
            Credential::GroupKey => parameters["groupKey"] = key.into(),
        }
        parameters["registrationId"] = KEYED_DEVICE.into();
        self.with_payload(parameters)
    }

    fn with_payload(self, mut parameters: Value) -> Value {
        if self.outcome == Outcome::Payload {
            parameters["payload"] = PAYLOAD.parse().expect("JSON");
        }
        parameters
    }
}

/// A loopback address on which no other test listens, so that all tests can use the same ports at the same time.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x80, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

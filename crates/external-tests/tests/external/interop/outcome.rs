//! Asserts how a registration ended, by the result of the SDK and by the emulator's log.

use provisioning_emulator::{Direction, LogKind};
use serde_json::Value;

use super::{
    PAYLOAD,
    registration::{Outcome, Registration, Sdk, Transport},
};
use crate::support::Log;

const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/";

impl Registration {
    /// Asserts that the registration ended as its outcome says.
    pub(super) fn assert_outcome(self, result: &Value, log: &Log) {
        match self.outcome {
            Outcome::Assigned => self.assert_assigned(result, log, 1),
            Outcome::Throttled => {
                log.assert_has(LogKind::Publish, "$dps/registrations/res/429/");
                self.assert_assigned(result, log, 3);
            }
            Outcome::Payload => {
                self.assert_payload(result, log);
                self.assert_assigned(result, log, 1);
            }
            Outcome::Refused => {
                log.assert_has(self.kind(), "\"errorCode\":401000");
                self.assert_refused(result, "UnauthorizedError", "401");
            }
            Outcome::Disabled => {
                log.assert_has(self.kind(), r#""status":"disabled""#);
                self.assert_refused(result, "status is disabled", "registration status disabled");
            }
            Outcome::OtherScope => self.assert_not_authorized(result, log, "the id scope \""),
            Outcome::WrongKey => self.assert_not_authorized(result, log, "the token is signed with another key"),
            Outcome::OtherId => {
                let reason = "the common name of the client certificate is ";
                self.assert_not_authorized(result, log, reason);
            }
        }
    }

    /// The kind of the log entries that have requests and answers.
    fn kind(self) -> LogKind {
        match self.transport {
            Transport::Mqtt | Transport::WebSocket => LogKind::Publish,
            Transport::Https => LogKind::Http,
        }
    }

    /// The payload arrived, and came back as the SDK reads it: over MQTT, the Node SDK drops every eighth bit.
    fn assert_payload(self, result: &Value, log: &Log) {
        let read = match (self.sdk, self.transport) {
            (Sdk::Node, Transport::Mqtt | Transport::WebSocket) => {
                PAYLOAD.bytes().map(|byte| char::from(byte & 0x7f)).collect()
            }
            (Sdk::Python, _) | (Sdk::Node, Transport::Https) => PAYLOAD.to_owned(),
        };
        let json = |text: &str| text.parse::<Value>().expect("JSON");
        assert_eq!(result["assigned"]["payload"], json(&read), "{result}");
        let mut received = log
            .of(self.kind())
            .filter(|entry| entry.direction == Direction::In)
            .filter_map(|entry| entry.payload.as_ref()?.parse::<Value>().ok());
        let has_payload = received.any(|body| body["payload"] == json(PAYLOAD));
        assert!(has_payload, "the payload did not arrive:\n{log}");
    }

    /// CONNACK refused the device for this reason.
    fn assert_not_authorized(self, result: &Value, log: &Log, reason: &str) {
        if self.transport == Transport::Https {
            log.assert_has(LogKind::Http, &format!("Unauthorized: {reason}"));
            return self.assert_refused(result, "UnauthorizedError", "");
        }
        log.assert_has(LogKind::ConnAck, &format!("not authorized: {reason}"));
        self.assert_refused(result, "Not authorized", "UnauthorizedError");
    }

    /// The error message of the SDK has these words.
    fn assert_refused(self, result: &Value, node: &str, python: &str) {
        let words = match self.sdk {
            Sdk::Node => node,
            Sdk::Python => python,
        };
        let message = result["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "the SDK returned {result}, not {words:?}");
    }

    /// Assigned after this number of register requests. The SDK and the emulator name the same hub and device.
    fn assert_assigned(self, result: &Value, log: &Log, requests: usize) {
        let (hub, device) = (&result["assigned"]["assignedHub"], &result["assigned"]["deviceId"]);
        assert!(
            hub.is_string() && device.is_string(),
            "not an assignment: the SDK returned {result}"
        );
        log.assert_has(self.kind(), &format!("\"assignedHub\":{hub}"));
        log.assert_has(self.kind(), &format!("\"deviceId\":{device}"));
        let found = match self.transport {
            Transport::Mqtt | Transport::WebSocket => {
                log.assert_has(LogKind::Close, "DISCONNECT");
                log.count(LogKind::Publish, REGISTER)
            }
            // A call and its reply.
            Transport::Https => log.count(LogKind::Http, "/register") / 2,
        };
        assert_eq!(found, requests, "register requests:\n{log}");
    }
}

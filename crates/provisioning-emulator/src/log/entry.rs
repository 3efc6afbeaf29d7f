//! One entry of the log: a packet, or a decision of the emulator.

use std::{net::SocketAddr, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{cut::cut, kind::LogKind};
use crate::port::Port;

/// The direction of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the device.
    In,
    /// To the device.
    Out,
    /// Not a packet: a decision of the emulator, or the start or end of a connection.
    Note,
}

/// One MQTT packet, or one decision of the emulator.
///
/// In JSON (the `--log` file, the page, the control endpoint) the fields have the same names in camelCase, and those
/// that do not apply are left out.
///
/// Until a device or a call is accepted, texts that come from it are cut at 1 KiB; a text that was cut ends with
/// `… (cut, N bytes)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEntry {
    /// The entry's number, from 1. Clearing the log does not restart the numbers.
    pub n: u64,
    /// When the entry was written; in JSON, RFC 3339 in UTC with milliseconds.
    #[serde(with = "rfc3339")]
    pub time: SystemTime,
    /// The number of the device's connection, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// The address that the connection comes from; none in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// The port of the emulator that the connection uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// The direction of the packet.
    pub direction: Direction,
    /// The packet, or the kind of decision.
    pub kind: LogKind,
    /// The registration id: from CONNECT on, the client id that the device claims, even if it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<String>,
    /// The topic of PUBLISH; the topic filters of SUBSCRIBE and UNSUBSCRIBE, separated by spaces; the method and the path
    /// of an HTTP call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The status of a response (PUBLISH to the device, or over HTTP), the return code of CONNACK, or the return code
    /// of SUBACK (of several, the highest: 128 if any filter failed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The reason of a decision, and why a packet or a response refuses something, as a sentence. Of CONNACK it begins
    /// with the name of the return code, of SUBACK with all return codes if it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the packet contains, as text: the payload of PUBLISH (invalid UTF-8 is replaced), the client id, the user
    /// name and the keep-alive of CONNECT, the packet id of PUBACK; of `open`, a line for each client certificate, leaf
    /// first, with its subject, its issuer and its SHA-256 thumbprint. Never a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin {
    pub(crate) connection: Option<u64>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) port: Option<Port>,
}

impl LogEntry {
    /// An entry with the current time. The log assigns its number.
    pub(crate) fn new(origin: Origin, direction: Direction, kind: LogKind) -> Self {
        let Origin { connection, peer, port } = origin;
        Self {
            n: 0,
            time: SystemTime::now(),
            connection,
            peer,
            port,
            direction,
            kind,
            registration_id: None,
            topic: None,
            status: None,
            reason: None,
            payload: None,
        }
    }

    /// A decision and its reason.
    pub(crate) fn note(origin: Origin, kind: LogKind, reason: impl Into<String>) -> Self {
        let reason = Some(reason.into());
        Self {
            reason,
            ..Self::new(origin, Direction::Note, kind)
        }
    }

    /// Whether the emulator refuses or ends something with this entry: a handshake, a connection, CONNECT, SUBSCRIBE, a
    /// request, a call. Each refusal is one entry, whose `reason` says why.
    ///
    /// Refusals are the kinds [`Refused`](LogKind::Refused), [`Tls`](LogKind::Tls) and [`WebSocket`](LogKind::WebSocket);
    /// [`ConnAck`](LogKind::ConnAck) and [`SubAck`](LogKind::SubAck) with a return code that refuses; responses over MQTT
    /// and HTTP, and calls of the control endpoint, with a status from 300 on; and requests to the control endpoint and to
    /// the page that are too malformed for a response to have one.
    pub fn is_refusal(&self) -> bool {
        let is_error = self.status.is_some_and(|status| status >= 300);
        match self.kind {
            LogKind::Refused | LogKind::Tls | LogKind::WebSocket => true,
            LogKind::ConnAck => self.status != Some(0),
            LogKind::SubAck => self.status.is_some_and(|code| code >= 128),
            LogKind::Publish => is_error,
            LogKind::Http | LogKind::Control => {
                is_error || (self.direction == Direction::Note && self.status.is_none())
            }
            _ => false,
        }
    }

    pub(crate) fn of_device(self, registration_id: Option<&str>) -> Self {
        // A valid one has 128 characters at most.
        let registration_id = registration_id.map(|id| cut(id.to_owned()));
        Self {
            registration_id,
            ..self
        }
    }

    /// With the request that it is about: its method and its path.
    pub(crate) fn about(self, method: &impl std::fmt::Display, path: &str) -> Self {
        Self {
            topic: Some(format!("{method} {path}")),
            ..self
        }
    }

    /// With the status that a response has.
    pub(crate) fn with_status(self, status: Option<u16>) -> Self {
        Self { status, ..self }
    }

    /// The entry's size in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.registration_id, &self.topic, &self.reason, &self.payload];
        size_of::<Self>() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// A time as RFC 3339 writes it, in UTC with milliseconds.
mod rfc3339 {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        humantime::parse_rfc3339(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_has_its_names_in_json_and_is_read_from_it() {
        let entry = LogEntry {
            n: 7,
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
            connection: Some(3),
            peer: Some(([127, 0, 0, 1], 50000).into()),
            port: Some(Port::WebSocket),
            registration_id: Some("d".to_owned()),
            topic: Some("t".to_owned()),
            status: Some(202),
            reason: Some("r".to_owned()),
            payload: Some("p".to_owned()),
            ..LogEntry::new(Origin::default(), Direction::Out, LogKind::Publish)
        };
        let json = serde_json::to_value(&entry).expect("JSON");
        let expected = json!({
            "n": 7, "time": "1970-01-01T00:00:01.500Z", "connection": 3, "peer": "127.0.0.1:50000",
            "port": "websocket", "direction": "out", "kind": "PUBLISH", "registrationId": "d", "topic": "t",
            "status": 202, "reason": "r", "payload": "p",
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<LogEntry>(json).expect("an entry"), entry);
    }

    #[test]
    fn a_refusal_is_what_refuses_or_ends_something() {
        use Direction::{In, Note, Out};
        use LogKind::{Close, ConnAck, Control, Fault, Http, Publish, Refused, Registration, SubAck, Tls, WebSocket};
        let is_refusal = |direction, kind, status| {
            let entry = LogEntry::new(Origin::default(), direction, kind).with_status(status);
            entry.is_refusal()
        };
        for (direction, kind, status) in [
            (Note, Refused, None),
            (Note, Tls, None),
            (Note, WebSocket, Some(404)),
            (Out, ConnAck, Some(5)),
            (Out, SubAck, Some(128)),
            (Out, Publish, Some(401)),
            (Out, Http, Some(429)),
            (Note, Http, Some(403)),
            (Note, Control, Some(409)),
            (Note, Control, None),
        ] {
            assert!(is_refusal(direction, kind, status), "{direction:?} {kind} {status:?}");
        }
        for (direction, kind, status) in [
            (Note, Close, None),
            (Note, Fault, None),
            (Note, Registration, None),
            (Out, ConnAck, Some(0)),
            (Out, SubAck, Some(1)),
            (In, Publish, None),
            (Out, Publish, Some(202)),
            (In, Http, None),
            (Out, Http, Some(200)),
            (Note, Control, Some(204)),
        ] {
            assert!(!is_refusal(direction, kind, status), "{direction:?} {kind} {status:?}");
        }
    }

    #[test]
    fn fields_that_do_not_apply_are_left_out() {
        let entry = LogEntry::new(Origin::default(), Direction::In, LogKind::PingReq);
        let json = serde_json::to_value(&entry).expect("JSON");
        let mut names: Vec<_> = json.as_object().expect("an object").keys().collect();
        names.sort();
        assert_eq!(names, ["direction", "kind", "n", "time"]);
        serde_json::from_value::<LogEntry>(json).expect("an entry");
    }
}

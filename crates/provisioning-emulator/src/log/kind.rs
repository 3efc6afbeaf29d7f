//! The kinds of log entries, and the word that names each.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Declares the kinds once: the variant, the word that names it, and its documentation.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// What a [`LogEntry`](crate::LogEntry) is about: an MQTT packet, or a decision of the emulator.
        ///
        /// `Display` and serde use the word that names the kind: `CONNECT` for a packet, `fault` for a decision.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum LogKind {
            $($(#[$doc])* $variant,)*
        }

        impl LogKind {
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word that names the kind.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// The MQTT packet CONNECT.
    Connect = "CONNECT",
    /// The MQTT packet CONNACK.
    ConnAck = "CONNACK",
    /// The MQTT packet PUBLISH.
    Publish = "PUBLISH",
    /// The MQTT packet PUBACK.
    PubAck = "PUBACK",
    /// The MQTT packet PUBREC.
    PubRec = "PUBREC",
    /// The MQTT packet PUBREL.
    PubRel = "PUBREL",
    /// The MQTT packet PUBCOMP.
    PubComp = "PUBCOMP",
    /// The MQTT packet SUBSCRIBE.
    Subscribe = "SUBSCRIBE",
    /// The MQTT packet SUBACK.
    SubAck = "SUBACK",
    /// The MQTT packet UNSUBSCRIBE.
    Unsubscribe = "UNSUBSCRIBE",
    /// The MQTT packet UNSUBACK.
    UnsubAck = "UNSUBACK",
    /// The MQTT packet PINGREQ.
    PingReq = "PINGREQ",
    /// The MQTT packet PINGRESP.
    PingResp = "PINGRESP",
    /// The MQTT packet DISCONNECT.
    Disconnect = "DISCONNECT",
    /// A call of the HTTPS device API, or its reply; as a decision, a request to the page that is refused.
    Http = "HTTP",
    /// An MQTT connection starts: TLS and WebSocket are established. `reason` and `payload` describe the client
    /// certificate.
    Open = "open",
    /// An MQTT connection ends. `reason` says how; if the emulator refuses something, another entry says why.
    Close = "close",
    /// A registration is completed. `reason` has its outcome: the hub, the error of a failure, or that it is disabled.
    Registration = "registration",
    /// The emulator refuses a connection or a request, or ends a connection, where no packet and no response says so.
    /// `reason` says why.
    Refused = "refused",
    /// A TLS handshake failed. `reason` says why, and what an alert of the client means.
    Tls = "tls",
    /// A request on the WebSocket port is malformed or no valid upgrade. `topic` has its method and path.
    WebSocket = "websocket",
    /// A [`Fault`](crate::Fault) is applied. `reason` has its name and step. What it refuses or ends has an entry of its
    /// own.
    Fault = "fault",
    /// A packet is accepted and has no effect, or a peer ended its connection before it sent a request. `reason` says which.
    Ignored = "ignored",
    /// A call of the control endpoint, with its status; of `/emulator/` only a call that is refused. `topic` has the
    /// method and the path, `reason` says why it was refused. Each enrollment that a bulk operation changes has an entry,
    /// too.
    Control = "control",
    /// A webhook was called. `reason` has its URL, and the hub or the failure.
    Webhook = "webhook",
    /// Entries are missing in the log's file because its reader stalled. `reason` has their number.
    Dropped = "dropped",
    /// The log's file or the file of [`Builder::persist`](crate::Builder::persist) cannot be written, or is written again.
    /// `reason` says which, why, and what is missing in it.
    File = "file",
    /// What limits the ports: one is not available in both address families, or few connections can be open.
    Listen = "listen",
    /// A connection could not be accepted.
    Accept = "accept",
    /// The task of a connection panicked, which is a bug of the emulator.
    Panic = "panic",
}

impl fmt::Display for LogKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for LogKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LogKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let kind = Self::ALL.iter().find(|kind| kind.as_str() == word);
        kind.copied()
            .ok_or_else(|| D::Error::custom(format_args!("unknown kind of log entry `{word}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_written_and_read_as_a_word_of_its_own() {
        for kind in LogKind::ALL {
            let json = serde_json::to_string(kind).expect("JSON");
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<LogKind>(&json).expect("a kind"), *kind, "{kind}");
        }
        assert!(serde_json::from_str::<LogKind>("\"connect\"").is_err());
    }
}

//! The protocol between a device and its hub, as the service names it.

use std::fmt;

use serde_json::Value;

/// The protocol with which a device connects to its hub. The service names it from api-version `2026-11-02-preview` on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ConnectionProfile {
    /// MQTT 3.1.1. A registration state without the field has this profile.
    #[default]
    Classic,
    /// MQTT 5.
    MqttV5,
    /// A profile that this version does not know: its text as it arrived, or the JSON of a value that is not text.
    Other(String),
}

impl ConnectionProfile {
    /// Reads the value of the field, which is `None` if the field is absent.
    pub(crate) fn from_wire(field: Option<&Value>) -> Self {
        match field {
            None | Some(Value::Null) => Self::Classic,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("classic") => Self::Classic,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("mqttV5") => Self::MqttV5,
            Some(Value::String(text)) => Self::Other(text.clone()),
            Some(other) => Self::Other(other.to_string()),
        }
    }

    /// The name in JSON, such as `mqttV5`; the content of [`Other`](Self::Other).
    pub fn as_str(&self) -> &str {
        match self {
            Self::Classic => "classic",
            Self::MqttV5 => "mqttV5",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for ConnectionProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registration_state::RegistrationState;

    #[test]
    fn every_profile_is_read_without_case_and_an_unknown_one_is_kept_verbatim() {
        use ConnectionProfile::{Classic, MqttV5};
        let other = |text: &str| ConnectionProfile::Other(text.to_owned());
        for (field, profile, shown) in [
            (None, Classic, "classic"),
            (Some(json!(null)), Classic, "classic"),
            (Some(json!("classic")), Classic, "classic"),
            (Some(json!("Classic")), Classic, "classic"),
            (Some(json!("CLASSIC")), Classic, "classic"),
            (Some(json!("mqttV5")), MqttV5, "mqttV5"),
            (Some(json!("MqttV5")), MqttV5, "mqttV5"),
            (Some(json!("mqttv5")), MqttV5, "mqttV5"),
            (Some(json!("MqttV9")), other("MqttV9"), "MqttV9"),
            (Some(json!("mqttV5.1")), other("mqttV5.1"), "mqttV5.1"),
            (Some(json!(" classic")), other(" classic"), " classic"),
            (Some(json!("ÄÖ")), other("ÄÖ"), "ÄÖ"),
            (Some(json!("")), other(""), ""),
            (Some(json!(5)), other("5"), "5"),
            (Some(json!(false)), other("false"), "false"),
            (Some(json!(["mqttV5"])), other("[\"mqttV5\"]"), "[\"mqttV5\"]"),
            (
                Some(json!({"name": "classic"})),
                other("{\"name\":\"classic\"}"),
                "{\"name\":\"classic\"}",
            ),
        ] {
            let fields = field.map(|field| ("connectionProfile".to_owned(), field));
            let state = RegistrationState::new(fields.clone().into_iter().collect());
            assert_eq!(state.connection_profile(), profile, "{fields:?}");
            assert_eq!((profile.as_str(), &*profile.to_string()), (shown, shown));
            let raw = state.raw().get("connectionProfile");
            assert_eq!(raw, fields.as_ref().map(|(_, field)| field), "it is kept as it was");
        }
    }
}

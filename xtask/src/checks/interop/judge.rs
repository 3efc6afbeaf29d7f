//! Whether a registration ended as it must: by what the SDK said, and by what the emulator saw.

use serde_json::Value;

use super::{
    PAYLOAD,
    cell::{Cell, Outcome, Sdk},
    packets::Packets,
};

const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/";

/// What is worth saying about a cell that ended as it must; otherwise what is wrong.
pub(super) fn judge(cell: Cell, said: &Value, packets: &Packets) -> Result<String, String> {
    match cell.outcome {
        Outcome::Assigned => assigned(said, packets, 1),
        Outcome::Throttled => {
            packets.has("PUBLISH", "$dps/registrations/res/429/")?;
            assigned(said, packets, 3)
        }
        Outcome::Payload => {
            let payload: Value = serde_json::from_str(PAYLOAD).map_err(|error| error.to_string())?;
            if said["assigned"]["payload"] != as_read_by(cell.sdk)? {
                return Err(format!("the payload did not come back: {said}"));
            }
            let sent = packets
                .0
                .iter()
                .filter(|it| it["kind"] == "PUBLISH" && it["direction"] == "in");
            let bodies = sent.filter_map(|it| it["payload"].as_str()?.parse::<Value>().ok());
            if !bodies.into_iter().any(|body| body["payload"] == payload) {
                return Err("the payload did not arrive".to_owned());
            }
            assigned(said, packets, 1)
        }
        Outcome::Refused => {
            packets.has("PUBLISH", "$dps/registrations/res/401/")?;
            let words = match cell.sdk {
                Sdk::Node => "UnauthorizedError",
                Sdk::Python => "401",
            };
            refused(said, words)
        }
        Outcome::OtherScope => not_let_in(cell.sdk, said, packets, "the id scope is not this service's"),
        Outcome::WrongKey => not_let_in(cell.sdk, said, packets, "the token is signed with another key"),
        Outcome::Disabled => {
            packets.has("PUBLISH", r#""status":"disabled""#)?;
            let words = match cell.sdk {
                Sdk::Node => "status is disabled",
                Sdk::Python => "registration status disabled",
            };
            refused(said, words)
        }
        Outcome::OtherId => not_let_in(
            cell.sdk,
            said,
            packets,
            "the certificate's common name is not the registration id",
        ),
    }
}

/// The payload as the SDK hands it on: Node's takes answers for ASCII and drops every eighth bit.
fn as_read_by(sdk: Sdk) -> Result<Value, String> {
    let read = match sdk {
        Sdk::Node => PAYLOAD.bytes().map(|byte| char::from(byte & 0x7f)).collect(),
        Sdk::Python => PAYLOAD.to_owned(),
    };
    read.parse().map_err(|error| format!("{read}: {error}"))
}

/// Assigned, after so many requests to register; the SDK names the hub that the emulator named.
fn assigned(said: &Value, packets: &Packets, requests: usize) -> Result<String, String> {
    let (hub, device) = (&said["assigned"]["assignedHub"], &said["assigned"]["deviceId"]);
    if !hub.is_string() || !device.is_string() {
        return Err(format!("the SDK said {said}"));
    }
    packets.has("PUBLISH", &format!("\"assignedHub\":{hub}"))?;
    packets.has("PUBLISH", &format!("\"deviceId\":{device}"))?;
    packets.has("close", "DISCONNECT")?;
    match packets.count("PUBLISH", REGISTER) {
        sent if sent == requests => Ok(format!("assigned to {hub}")),
        sent => Err(format!("{sent} requests to register, not {requests}")),
    }
}

/// Refused in CONNACK, for this reason.
fn not_let_in(sdk: Sdk, said: &Value, packets: &Packets, reason: &str) -> Result<String, String> {
    packets.has("CONNACK", "not authorized")?;
    packets.has("close", reason)?;
    refused(
        said,
        match sdk {
            Sdk::Node => "Not authorized",
            Sdk::Python => "UnauthorizedError",
        },
    )
}

fn refused(said: &Value, words: &str) -> Result<String, String> {
    let message = said["error"]["message"].as_str().unwrap_or_default();
    if message.contains(words) {
        Ok(message.to_owned())
    } else {
        Err(format!("the SDK said {said}, not {words:?}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::interop::cell::{CELLS, Credential, Transport};

    fn packets(entries: &[(&str, &str)]) -> Packets {
        let entry = |(kind, text): &(&str, &str)| json!({"kind": kind, "reason": text, "connection": 1});
        Packets(entries.iter().map(entry).collect())
    }

    fn cell(outcome: Outcome) -> Cell {
        Cell {
            sdk: Sdk::Node,
            transport: Transport::Mqtt,
            credential: Credential::X509,
            outcome,
        }
    }

    #[test]
    fn an_assignment_counts_only_when_sdk_and_emulator_agree() {
        let said = json!({"assigned": {"assignedHub": "a", "deviceId": "d"}});
        let put = ("PUBLISH", REGISTER);
        let (answer, end) = (
            ("PUBLISH", r#""assignedHub":"a","deviceId":"d""#),
            ("close", "DISCONNECT"),
        );
        let judged = |entries: &[_]| judge(cell(Outcome::Assigned), &said, &packets(entries));
        assert_eq!(judged(&[put, answer, end]), Ok(r#"assigned to "a""#.to_owned()));
        for too_little_or_much in [
            &[put, answer][..],
            &[put, end],
            &[answer, end],
            &[put, put, answer, end],
        ] {
            assert!(judged(too_little_or_much).is_err(), "{too_little_or_much:?}");
        }
        assert!(
            judge(
                cell(Outcome::Assigned),
                &json!({"error": {}}),
                &packets(&[put, answer, end])
            )
            .is_err()
        );
    }

    #[test]
    fn a_refusal_counts_only_with_its_reason_in_the_log_and_in_the_sdk() {
        let said = json!({"error": {"message": "Connection refused: Not authorized"}});
        let right = [
            ("CONNACK", "not authorized"),
            ("close", "the id scope is not this service's"),
        ];
        assert!(judge(cell(Outcome::OtherScope), &said, &packets(&right)).is_ok());
        assert!(judge(cell(Outcome::OtherId), &said, &packets(&right)).is_err());
        assert!(judge(cell(Outcome::OtherScope), &json!({"assigned": {}}), &packets(&right)).is_err());
    }

    #[test]
    fn no_cell_is_there_twice() {
        let mut rows: Vec<_> = CELLS.iter().map(ToString::to_string).collect();
        rows.sort();
        rows.dedup();
        assert_eq!(rows.len(), CELLS.len());
    }
}

//! What a registration reports while it runs.

use std::{fmt, time::Duration};

use provisioning_types::{Assignment, ErrorKind, RegistrationId, TransportError};
use serde::{Serialize, Serializer};

use crate::error::{Outcome, RegisterError};

/// An event, and the device whose registration it is of.
///
/// Serialized, it is one object: `{"registrationId":"device-1","event":"assigning","operationId":…,"retryIn":2.0}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RegistrationEvent {
    /// The device's registration id.
    pub registration_id: RegistrationId,
    /// What happened.
    #[serde(flatten)]
    pub event: StatusEvent,
}

/// Something that happened in a registration.
#[doc(alias = "operationStatus")]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum StatusEvent {
    /// A connection to this URI is being made.
    #[non_exhaustive]
    Connecting {
        /// The URI, such as `mqtts://global.azure-devices-provisioning.net`.
        uri: String,
    },
    /// The connection is established.
    Connected,
    /// The service is working on the assignment.
    #[non_exhaustive]
    Assigning {
        /// The operation, as the service named it.
        operation_id: String,
        /// When the operation is queried. Serialized in seconds.
        #[serde(serialize_with = "seconds")]
        retry_in: Duration,
    },
    /// The response was 429 or above; the same request is sent again.
    #[non_exhaustive]
    Throttled {
        /// The response's HTTP-like status.
        status: u16,
        /// When the request is sent again. Serialized in seconds.
        #[serde(serialize_with = "seconds")]
        retry_in: Duration,
    },
    /// The same registration id is registering twice at the same time (409 with error code 409203); the same request is
    /// sent again.
    #[non_exhaustive]
    SimultaneousRegistration {
        /// The number of this retry, from 1, counted over the whole registration.
        attempt: u32,
        /// When the request is sent again. Serialized in seconds.
        #[serde(serialize_with = "seconds")]
        retry_in: Duration,
    },
    /// The first connection was not made; the client tries again, as the policy allows it to wait for the network.
    #[non_exhaustive]
    WaitingForNetwork {
        /// The number of the failed attempt, from 1.
        attempt: u32,
        /// When the client tries again. Serialized in seconds.
        #[serde(serialize_with = "seconds")]
        retry_in: Duration,
        /// Why the attempt failed.
        cause: TransportError,
    },
    /// The connection was lost, or did not answer in time and was closed; the client connects again.
    #[non_exhaustive]
    Recovering {
        /// The number of this recovery, from 1.
        attempt: u32,
        /// When the client connects again. Serialized in seconds.
        #[serde(serialize_with = "seconds")]
        retry_in: Duration,
        /// Why the connection was lost.
        cause: TransportError,
    },
    /// The device is assigned.
    Assigned(Assignment),
    /// Disconnecting failed; the registration's outcome stands.
    #[non_exhaustive]
    DisconnectFailed {
        /// Why disconnecting failed.
        cause: TransportError,
    },
    /// The registration has ended: its last event, also when its future was dropped.
    #[non_exhaustive]
    Ended {
        /// What it came to. Serialized as the assignment, or as an object with `error`.
        #[serde(serialize_with = "assignment_or_error")]
        outcome: Outcome,
    },
    /// The listener was slow and missed events before the next one.
    #[non_exhaustive]
    Missed {
        /// How many.
        count: u64,
    },
}

impl StatusEvent {
    /// The event's name, as it is serialized, such as `disconnect-failed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connecting { .. } => "connecting",
            Self::Connected => "connected",
            Self::Assigning { .. } => "assigning",
            Self::Throttled { .. } => "throttled",
            Self::SimultaneousRegistration { .. } => "simultaneous-registration",
            Self::WaitingForNetwork { .. } => "waiting-for-network",
            Self::Recovering { .. } => "recovering",
            Self::Assigned(_) => "assigned",
            Self::DisconnectFailed { .. } => "disconnect-failed",
            Self::Ended { .. } => "ended",
            Self::Missed { .. } => "missed",
        }
    }
}

impl fmt::Display for RegistrationEvent {
    /// One line for people: the device and the event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.registration_id, self.event)
    }
}

impl fmt::Display for StatusEvent {
    /// One line for people. Of an assignment it shows the hub only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |wait: &Duration| (wait.as_secs_f64() * 10.0).round() / 10.0;
        match self {
            Self::Connecting { uri } => write!(f, "connecting to {uri}"),
            Self::Connected => f.write_str("connected, registering"),
            Self::Assigning { operation_id, retry_in } => {
                let wait = seconds(retry_in);
                write!(f, "assigning (operation {operation_id}), asking again in {wait} s")
            }
            Self::Throttled { status, retry_in } => {
                let wait = seconds(retry_in);
                write!(f, "the service answered {status}, asking again in {wait} s")
            }
            Self::SimultaneousRegistration { attempt, retry_in } => {
                let wait = seconds(retry_in);
                write!(
                    f,
                    "this registration id is registering twice at the same time, retry {attempt} in {wait} s"
                )
            }
            Self::WaitingForNetwork { retry_in, cause, .. } => {
                let wait = seconds(retry_in);
                write!(f, "no connection yet ({cause}), trying again in {wait} s")
            }
            Self::Recovering {
                attempt,
                retry_in,
                cause,
            } => {
                let wait = seconds(retry_in);
                match cause.kind() {
                    ErrorKind::Lost => write!(f, "lost the connection ({cause}), recovery {attempt} in {wait} s"),
                    _ => write!(f, "{cause}; recovery {attempt} in {wait} s"),
                }
            }
            Self::Assigned(assignment) => write!(f, "assigned to {}", assignment.assigned_hub()),
            Self::DisconnectFailed { cause } => write!(f, "disconnecting failed: {cause}"),
            Self::Ended { outcome: Ok(_) } => f.write_str("the registration has ended: assigned"),
            Self::Ended { outcome: Err(error) } => write!(f, "the registration has ended: {error}"),
            Self::Missed { count } => write!(f, "{count} events were missed"),
        }
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    duration.as_secs_f64().serialize(serializer)
}

fn assignment_or_error<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Failed<'a> {
        error: &'a RegisterError,
    }
    match outcome {
        Ok(assignment) => assignment.serialize(serializer),
        Err(error) => Failed { error }.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use provisioning_types::Phase;
    use serde_json::json;

    use super::*;
    use crate::error::FailureReason;

    fn json_of(event: StatusEvent) -> serde_json::Value {
        let event = RegistrationEvent {
            registration_id: RegistrationId::new("device-1").expect("an id"),
            event,
        };
        assert_eq!(event, event.clone());
        serde_json::to_value(&event).expect("JSON")
    }

    #[test]
    fn an_event_is_one_json_object_with_its_name_and_its_device() {
        let assigning = StatusEvent::Assigning {
            operation_id: "4.op".to_owned(),
            retry_in: Duration::from_millis(2500),
        };
        let expected =
            json!({"registrationId": "device-1", "event": "assigning", "operationId": "4.op", "retryIn": 2.5});
        assert_eq!(json_of(assigning), expected);
        let cause = TransportError::new(ErrorKind::Lost, "gone");
        let json = json_of(StatusEvent::DisconnectFailed { cause: cause.clone() });
        assert_eq!(json["event"], "disconnect-failed");
        assert_eq!(json["cause"]["kind"], "lost");
        let error = RegisterError::new(FailureReason::Transport(cause), Phase::Poll, Some("4.op".to_owned()));
        let json = json_of(StatusEvent::Ended { outcome: Err(error) });
        let error = &json["outcome"]["error"];
        assert_eq!((&error["kind"], &error["phase"]), (&json!("lost"), &json!("poll")));
        assert_eq!(
            (&error["operationId"], &error["retryable"]),
            (&json!("4.op"), &json!(true))
        );
    }

    #[test]
    fn the_name_is_the_serialized_one() {
        for event in [StatusEvent::Connected, StatusEvent::Missed { count: 1 }] {
            let name = event.name();
            assert_eq!(json_of(event)["event"], name);
        }
    }
}

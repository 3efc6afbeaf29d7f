//! Answers as a service gives them: a status, a body, and perhaps a wait.

use std::time::Duration;

use provisioning_types::{Response, TransportError};

/// The operation that the service works on.
pub(crate) const OPERATION: &str = "4.65f62b2644c85bb1.331ffb1b-35e2-4b5a-9e68-f1fa7d5efc33";

/// What the service says when it is done; with a field that nobody knows.
pub(crate) const ASSIGNED: &str = r#"{
    "operationId": "4.65f62b2644c85bb1.331ffb1b-35e2-4b5a-9e68-f1fa7d5efc33",
    "status": "assigned",
    "registrationState": {
        "registrationId": "device-1", "assignedHub": "hub.azure-devices.net", "deviceId": "device-1-there",
        "status": "assigned", "substatus": "initialAssignment", "somethingNew": {"a": 1}
    }
}"#;

const ASSIGNING: &str =
    r#"{"operationId":"4.65f62b2644c85bb1.331ffb1b-35e2-4b5a-9e68-f1fa7d5efc33","status":"assigning"}"#;

/// What arrives from the service.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    code: u16,
    body: String,
    retry_after: Option<Duration>,
}

pub(crate) fn says(code: u16, body: &str) -> Said {
    Said {
        code,
        body: body.to_owned(),
        retry_after: None,
    }
}

pub(crate) fn assigned() -> Said {
    says(200, ASSIGNED)
}

pub(crate) fn assigning() -> Said {
    says(202, ASSIGNING)
}

/// The service throttles (429) or fails (5xx).
pub(crate) fn throttled(code: u16) -> Said {
    says(code, r#"{"errorCode":429001,"message":"Too many requests."}"#)
}

/// The device is registering twice at the same time.
pub(crate) fn simultaneous() -> Said {
    let body = r#"{"errorCode":409203,"trackingId":"8ad0","message":"Precondition failed.","timestampUtc":"2026-04-10T05:24:22Z"}"#;
    says(409, body)
}

impl Said {
    /// Names the wait in seconds.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(Duration::from_secs(seconds)),
            ..self
        }
    }

    /// What a transport makes of it, as the answer to a registration request, or to the query of an operation.
    pub(crate) fn judged(&self, queried: Option<&str>) -> Result<Response, TransportError> {
        Response::from_service(self.code, self.body.as_bytes(), self.retry_after, queried)
    }
}

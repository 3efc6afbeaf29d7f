//! The control endpoint: the service's REST API, who may call it, and what it makes of anything else.

mod access;
mod bulk;
mod calls;
mod devices;
mod enrollments;
mod hostile;
mod queries;
mod registrations;
mod reset;
mod tools;
mod waiting;

use provisioning_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::http::{Answer, Call};

/// An individual enrollment with a symmetric key.
fn enrollment(id: &str) -> Value {
    json!({
        "registrationId": id,
        "attestation": {"type": "symmetricKey", "symmetricKey": {
            "primaryKey": "cHJpbWFyeQ==",
            "secondaryKey": "c2Vjb25kYXJ5",
        }},
    })
}

pub(crate) async fn call(emulator: &Emulator, method: &str, path: &str) -> Answer {
    Call::new(emulator, method, path).send(emulator).await
}

pub(crate) async fn put(emulator: &Emulator, path: &str, body: &Value) -> Answer {
    Call::new(emulator, "PUT", path).json(body).send(emulator).await
}

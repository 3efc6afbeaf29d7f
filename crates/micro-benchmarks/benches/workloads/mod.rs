//! The measured parts, each with what it needs beforehand.

mod registration;
mod service;
mod websocket;

use std::time::Duration;

use provisioning_client::{Context, Input, Machine, Policy, Step};
use provisioning_mqtt::protocol::{ResponseTopic, read_response};
use provisioning_types::{Request, Response};

pub(crate) use self::{registration::InMemory, websocket::Echo};

/// The topic of a response of the service.
pub(crate) const TOPIC: &str = "$dps/registrations/res/202/?$rid=0123456789abcdef0123456789abcdef&retry-after=3";

const ASSIGNING: &[u8] =
    br#"{"operationId":"4.d0a671905ea5b2c8.42d78160-4c78-479e-8be7-61d5e55dac0d","status":"assigning"}"#;

/// The body of a response of the service, with every member that it usually has.
pub(crate) const ASSIGNED: &[u8] = br#"{"operationId":"4.d0a671905ea5b2c8.42d78160-4c78-479e-8be7-61d5e55dac0d","status":"assigned","registrationState":{"x509":{},"registrationId":"device-1","createdDateTimeUtc":"2026-01-02T03:04:05.6789012Z","assignedHub":"north.azure-devices.net","deviceId":"device-1","status":"assigned","substatus":"initialAssignment","lastUpdatedDateTimeUtc":"2026-01-02T03:04:06.0123456Z","etag":"IjFlMDA0OTg1LTAwMDAtMDAwMC0wMDAwLTVmNjdmNzA1MDAwMCI="}}"#;

/// Reads the topic of a response.
pub(crate) fn topic(topic: &str) -> Option<ResponseTopic<'_>> {
    ResponseTopic::parse(topic)
}

/// Reads a response.
pub(crate) fn response(body: &[u8]) -> Response {
    let topic = "$dps/registrations/res/200/?$rid=0123456789abcdef0123456789abcdef";
    read_response(&Request::Register, topic, body).expect("a response")
}

/// The inputs of a registration that is assigned at the second answer, and the policy.
pub(crate) fn inputs() -> (Vec<Input>, Policy) {
    let queried = Request::Query {
        operation_id: "4.d0a671905ea5b2c8.42d78160-4c78-479e-8be7-61d5e55dac0d".to_owned(),
    };
    let answers = [(&Request::Register, TOPIC, ASSIGNING), (&queried, TOPIC, ASSIGNED)];
    let [assigning, assigned] = answers.map(|(request, topic, body)| read_response(request, topic, body));
    let inputs = vec![
        Input::Register,
        Input::Response(assigning),
        Input::Tick,
        Input::Response(assigned),
        Input::Disconnect,
        Input::Closed(Ok(())),
    ];
    (inputs, Policy::default())
}

/// All steps of the machine.
pub(crate) fn machine((inputs, policy): (Vec<Input>, Policy)) -> Vec<Step> {
    let mut machine = Machine::default();
    let mut steps = Vec::with_capacity(inputs.len());
    for input in inputs {
        let context = Context {
            // Exactly when the machine is due.
            now: machine
                .wake_at()
                .filter(|_| matches!(input, Input::Tick))
                .unwrap_or(Duration::ZERO),
            jitter: 0.5,
            policy: &policy,
        };
        steps.push(machine.step(input, &context));
    }
    steps
}

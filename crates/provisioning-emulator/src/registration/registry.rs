//! The registry: answers the registration requests and the queries of devices.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    allocation::{Assigned, allocate},
    operation::{Operation, Operations},
    request::Request,
};
use crate::{
    enrollment::{Allocation, AllocationPolicy},
    faults::{Effect, Step},
    identifiers::{etag, now, operation_id},
    identity::Authority,
    refusal::Refusal,
    retry_after::RetryAfter,
};

/// The answer to a request that is not refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: RetryAfter,
    pub(crate) body: Value,
}

/// How registrations proceed.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How many queries complete a registration.
    pub(crate) polls: u32,
    /// The `retry-after` of answers that say `assigning`.
    pub(crate) retry_after: RetryAfter,
    /// For enrollments without hubs.
    pub(crate) hubs: Vec<String>,
    /// The `connectionProfile` of an assignment, for api-versions that have it.
    pub(crate) connection_profile: String,
    /// Whether signing requests must have a P-384 key.
    pub(crate) strict_csr: bool,
}

/// The device that a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    /// The id that it is authenticated with.
    pub(crate) registration_id: &'a str,
    pub(crate) api_version: &'a str,
    /// The number of its MQTT connection.
    pub(crate) connection: Option<u64>,
}

/// All registrations. They outlive connections.
pub(crate) struct Registry {
    rules: Rules,
    authority: Arc<Authority>,
    operations: Mutex<Operations>,
}

impl Registry {
    pub(crate) fn new(rules: Rules, authority: Arc<Authority>) -> Self {
        Self {
            rules,
            authority,
            operations: Mutex::default(),
        }
    }

    /// Answers a registration request. `allocation` is `None` if the enrollment of the device was deleted; `fault`
    /// returns the fault at a step.
    pub(crate) fn register(
        &self,
        client: Client<'_>,
        body: &[u8],
        allocation: Option<Allocation>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Result<Answer, Refusal> {
        let request = Request::read(body, client.registration_id, client.api_version, self.rules.strict_csr)?;
        let allocation = allocation.ok_or_else(|| Refusal::new(404, 404_201, "Enrollment not found."))?;
        let mut operation = Operation {
            polls_left: match fault(Step::Polling) {
                Some(Effect::Polls(polls)) => polls,
                _ => self.rules.polls,
            },
            device: client.registration_id.to_ascii_lowercase(),
            registration_id: client.registration_id.to_owned(),
            connection: client.connection,
            request,
            created: now(),
            allocation,
            outcome: None,
        };
        let id = operation_id();
        let mut operations = self.operations();
        let answer = match operation.polls_left {
            0 => self.complete(&id, &mut operation, &mut operations.assigned, fault),
            _ => Answer {
                status: 202,
                retry_after: self.rules.retry_after.clone(),
                body: json!({"operationId": id, "status": "assigning"}),
            },
        };
        operations.insert(id, operation);
        Ok(answer)
    }

    /// Answers a query about an operation of the device.
    pub(crate) fn query(
        &self,
        registration_id: &str,
        operation_id: &str,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Result<Answer, Refusal> {
        let mut operations = self.operations();
        let found = operations.of_device(&registration_id.to_ascii_lowercase(), operation_id);
        let (operation, assigned) = found.ok_or_else(|| Refusal::new(404, 404_203, "Operation not found."))?;
        operation.polls_left = match operation.polls_left {
            u32::MAX => u32::MAX,
            polls => polls.saturating_sub(1),
        };
        if operation.polls_left == 0 {
            return Ok(self.complete(operation_id, operation, assigned, fault));
        }
        let state = operation.assigning();
        Ok(Answer {
            status: 202,
            retry_after: self.rules.retry_after.clone(),
            body: json!({"operationId": operation_id, "status": "assigning", "registrationState": state}),
        })
    }

    /// The connections on which the device has started a registration that is not completed.
    pub(crate) fn registering_connections(&self, registration_id: &str) -> Vec<u64> {
        let operations = self.operations();
        let is_unfinished = |it: &&Operation| it.outcome.is_none() && it.device.eq_ignore_ascii_case(registration_id);
        operations
            .iter()
            .filter(is_unfinished)
            .filter_map(|it| it.connection)
            .collect()
    }

    /// The outcome, which is determined once.
    fn complete(
        &self,
        id: &str,
        operation: &mut Operation,
        assigned: &mut HashMap<String, Assigned>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Answer {
        if let Some(outcome) = &operation.outcome {
            return outcome.clone();
        }
        let outcome = self.outcome(id, operation, assigned, fault);
        operation.outcome.insert(outcome).clone()
    }

    fn outcome(
        &self,
        id: &str,
        operation: &Operation,
        assigned: &mut HashMap<String, Assigned>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Answer {
        let allocation = &operation.allocation;
        let (status, details) = match fault(Step::Outcome) {
            Some(Effect::Fail { error_code, message }) => {
                ("failed", json!({"errorCode": error_code, "errorMessage": message}))
            }
            Some(Effect::Disable) => ("disabled", json!({})),
            _ if !allocation.is_enabled => ("disabled", json!({})),
            _ => ("assigned", self.assignment(operation, assigned, fault)),
        };
        let mut state = json!({
            "registrationId": operation.registration_id,
            "createdDateTimeUtc": operation.created,
            "lastUpdatedDateTimeUtc": now(),
            "status": status,
            "etag": etag(),
        });
        state[allocation.attestation] = match &allocation.group {
            Some(group) => json!({"enrollmentGroupId": group}),
            None => json!({}),
        };
        if let (Some(state), Value::Object(details)) = (state.as_object_mut(), details) {
            state.extend(details);
        }
        Answer {
            status: 200,
            retry_after: RetryAfter::Absent,
            body: json!({"operationId": id, "status": status, "registrationState": state}),
        }
    }

    /// What the registration state of an assigned device has.
    fn assignment(
        &self,
        operation: &Operation,
        assigned: &mut HashMap<String, Assigned>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Value {
        let mut fields = Map::new();
        let (allocation, device) = (&operation.allocation, &operation.device);
        let assignment = allocate(allocation, &self.rules.hubs, device, assigned.get(device));
        let device_id = allocation.device_id.as_ref().unwrap_or(&operation.registration_id);
        fields.insert("assignedHub".into(), json!(assignment.hub));
        fields.insert("deviceId".into(), json!(device_id));
        fields.insert("substatus".into(), json!(assignment.substatus));
        assigned.insert(device.clone(), assignment);
        if let (Some(payload), AllocationPolicy::Custom) = (&operation.request.payload, allocation.policy) {
            fields.insert("payload".into(), payload.clone());
        }
        if operation.request.with_profile {
            fields.insert("connectionProfile".into(), json!(self.rules.connection_profile));
        }
        if let Some(csr) = &operation.request.csr {
            let chain = match fault(Step::Certificate) {
                Some(Effect::Issue(chain)) => chain,
                _ => Some(self.issue(csr, &operation.registration_id)),
            };
            fields.extend(chain.map(|chain| ("issuedCertificateChain".to_owned(), chain)));
        }
        Value::Object(fields)
    }

    /// The chain for a CSR, base64 of DER, the device's certificate first; null if none can be issued.
    fn issue(&self, csr: &[u8], registration_id: &str) -> Value {
        let chain = self.authority.issue_for(csr, registration_id);
        let encoded = |chain: Vec<Vec<u8>>| chain.iter().map(|der| STANDARD.encode(der)).collect();
        chain.map_or(Value::Null, encoded)
    }

    pub(super) fn operations(&self) -> MutexGuard<'_, Operations> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::operation::MAX_OPERATIONS;

    fn registry() -> Registry {
        let rules = Rules {
            polls: 1,
            retry_after: RetryAfter::Seconds(3),
            hubs: vec!["hub".into()],
            connection_profile: "classic".into(),
            strict_csr: false,
        };
        Registry::new(rules, Arc::new(Authority::generate().expect("a CA")))
    }

    fn register(registry: &Registry, id: &str, body: &[u8], effects: &[(Step, Effect)]) -> Result<Answer, Refusal> {
        let allocation = Allocation {
            attestation: "x509",
            group: None,
            is_enabled: true,
            device_id: None,
            hubs: vec![],
            policy: AllocationPolicy::Custom,
            reprovision: Default::default(),
        };
        let client = Client {
            registration_id: id,
            api_version: "2019-03-31",
            connection: None,
        };
        let fault = |step| {
            effects
                .iter()
                .find(|(at, _)| *at == step)
                .map(|(_, effect)| effect.clone())
        };
        registry.register(client, body, Some(allocation), fault)
    }

    fn query(registry: &Registry, id: &str, operation_id: &str) -> Result<Answer, Refusal> {
        registry.query(id, operation_id, |_| None)
    }

    const REQUEST: &[u8] = br#"{"registrationId":"Device","payload":null}"#;

    #[test]
    fn a_device_is_assigned_after_its_polls_under_the_id_that_it_connected_with() {
        let registry = registry();
        let two = [(Step::Polling, Effect::Polls(2))];
        let first = register(&registry, "Device", REQUEST, &two).expect("accepted");
        assert_eq!((first.status, &first.body["status"]), (202, &json!("assigning")));
        assert_eq!(first.retry_after, RetryAfter::Seconds(3));
        let id = first.body["operationId"].as_str().expect("an id");
        assert_eq!(query(&registry, "DEVICE", id).expect("found").status, 202);
        let done = query(&registry, "device", id).expect("found");
        assert_eq!(
            (done.status, &done.body["registrationState"]["deviceId"]),
            (200, &json!("Device"))
        );
        assert_eq!(done.body["registrationState"]["payload"], Value::Null);
        assert_eq!(
            query(&registry, "device", id).expect("found"),
            done,
            "an operation can be queried again"
        );
    }

    #[test]
    fn another_devices_operation_is_not_found() {
        let registry = registry();
        let answer = register(&registry, "device", REQUEST, &[]).expect("accepted");
        let id = answer.body["operationId"].as_str().expect("an id");
        let refused = query(&registry, "other", id).expect_err("not found");
        assert_eq!((refused.status, refused.error_code), (404, 404_203));
    }

    #[test]
    fn the_oldest_operations_are_removed_when_there_are_too_many() {
        let registry = registry();
        let new_id = || {
            let answer = register(
                &registry,
                "device",
                REQUEST,
                &[(Step::Polling, Effect::Polls(u32::MAX))],
            );
            answer.expect("accepted").body["operationId"]
                .as_str()
                .expect("an id")
                .to_owned()
        };
        let (first, second) = (new_id(), new_id());
        for _ in 1..MAX_OPERATIONS {
            new_id();
        }
        assert_eq!(query(&registry, "device", &first).expect_err("removed").status, 404);
        assert_eq!(query(&registry, "device", &second).expect("kept").status, 202);
    }

    #[test]
    fn failed_and_disabled_are_in_the_body() {
        let fail = Effect::Fail {
            error_code: 400_209,
            message: "no hub".into(),
        };
        for (effect, status) in [(fail, "failed"), (Effect::Disable, "disabled")] {
            let effects = [(Step::Polling, Effect::Polls(0)), (Step::Outcome, effect)];
            let answer = register(&registry(), "device", REQUEST, &effects).expect("accepted");
            assert_eq!((answer.status, &answer.body["status"]), (200, &json!(status)));
            let code = &answer.body["registrationState"]["errorCode"];
            assert_eq!(code.is_number(), status == "failed", "{answer:?}");
        }
    }
}

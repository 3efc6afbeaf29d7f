//! The registry: answers the registration requests and the queries of devices.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    allocation::{Assigned, Selection, assign, linked_hubs, select_hub, webhook_body},
    answer::Answer,
    operation::{Operation, Operations, Outcome},
    request::Request,
    state::State,
};
use crate::{
    enrollment::{Allocation, AllocationPolicy},
    faults::{Effect, Step},
    identifiers::{etag, now, operation_id},
    identity::Authority,
    refusal::Refusal,
    retry_after::RetryAfter,
    webhook::{WebhookAnswer, WebhookCall},
};

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
    /// returns the fault at a step. The call of a webhook, if there is one, is the caller's to make.
    pub(crate) fn register(
        &self,
        client: Client<'_>,
        body: &[u8],
        allocation: Option<Allocation>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Result<(Answer, Option<WebhookCall>), Refusal> {
        let request = Request::read(body, client.registration_id, client.api_version, self.rules.strict_csr)?;
        let allocation = allocation.ok_or_else(|| Refusal::new(404, 404_201, "Enrollment not found."))?;
        let id = operation_id();
        let mut operations = self.operations();
        let device = client.registration_id.to_ascii_lowercase();
        let former = operations.assigned.get(&device);
        let call = self.webhook_call(&id, client, &request, &allocation, former);
        let mut operation = Operation {
            polls_left: match fault(Step::Polling) {
                Some(Effect::Polls(polls)) => polls,
                _ => self.rules.polls,
            },
            device,
            registration_id: client.registration_id.to_owned(),
            connection: client.connection,
            request,
            created: now(),
            allocation,
            selection: match call {
                Some(_) => Selection::Pending,
                None => Selection::ByPolicy,
            },
            outcome: None,
        };
        let answer = match operation.is_complete() {
            true => self.complete(&id, &mut operation, &mut operations.assigned, fault),
            false => self.assigning(&id, None),
        };
        operations.insert(id, operation);
        Ok((answer, call))
    }

    /// The call of the enrollment's webhook, unless the device stays where it is.
    fn webhook_call(
        &self,
        operation_id: &str,
        client: Client<'_>,
        request: &Request,
        allocation: &Allocation,
        former: Option<&Assigned>,
    ) -> Option<WebhookCall> {
        let webhook = allocation.webhook.as_ref()?;
        let stays = former.is_some() && !allocation.reprovision.update_hub_assignment;
        if !allocation.is_enabled || stays {
            return None;
        }
        let hubs = linked_hubs(allocation, &self.rules.hubs);
        let (id, payload) = (client.registration_id, request.payload.as_deref());
        Some(WebhookCall {
            operation_id: operation_id.to_owned(),
            url: webhook.url.clone(),
            body: webhook_body(allocation, &webhook.enrollment, hubs, id, payload),
        })
    }

    /// Records the result of a call of a webhook. Returns the selected hub, or the reason of the failure.
    pub(crate) fn webhook_answered(
        &self,
        operation_id: &str,
        result: Result<WebhookAnswer, String>,
    ) -> Result<String, String> {
        let mut operations = self.operations();
        let Some(operation) = operations.get_mut(operation_id) else {
            return Err("the registration was deleted meanwhile".to_owned());
        };
        let hubs = linked_hubs(&operation.allocation, &self.rules.hubs);
        let selected = result.and_then(|answer| {
            let is_linked = |hub: &String| hub.eq_ignore_ascii_case(&answer.iot_hub_host_name);
            match hubs.iter().any(is_linked) {
                true => Ok(answer),
                false => Err(format!("the hub {:?} is not linked", answer.iot_hub_host_name)),
            }
        });
        let hub = selected.as_ref().map(|answer| answer.iot_hub_host_name.clone());
        let hub = hub.map_err(String::clone);
        operation.selection = Selection::Webhook(selected);
        hub
    }

    /// Answers a query about an operation of the device.
    pub(crate) fn query(
        &self,
        registration_id: &str,
        operation_id: &str,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Result<Answer, Refusal> {
        let mut operations = self.operations();
        let found = operations.get_with_assigned(&registration_id.to_ascii_lowercase(), operation_id);
        let (operation, assigned) = found.ok_or_else(|| Refusal::new(404, 404_203, "Operation not found."))?;
        operation.polls_left = match operation.polls_left {
            u32::MAX => u32::MAX,
            polls => polls.saturating_sub(1),
        };
        if operation.is_complete() {
            return Ok(self.complete(operation_id, operation, assigned, fault));
        }
        Ok(self.assigning(operation_id, Some(&operation.assigning())))
    }

    fn assigning(&self, operation_id: &str, registration_state: Option<&State>) -> Answer {
        let retry_after = self.rules.retry_after.clone();
        Answer::about_operation(202, retry_after, operation_id, "assigning", registration_state)
    }

    /// The connections on which the device has started a registration that is not completed.
    pub(crate) fn registering_connections(&self, registration_id: &str) -> Vec<u64> {
        let operations = self.operations();
        let of_device = operations.of_device(&registration_id.to_ascii_lowercase());
        let unfinished = of_device.filter(|operation| operation.outcome.is_none());
        unfinished.filter_map(|operation| operation.connection).collect()
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
            return outcome.answer.clone();
        }
        let outcome = self.outcome(id, operation, assigned, fault);
        operation.outcome.insert(outcome).answer.clone()
    }

    fn outcome(
        &self,
        id: &str,
        operation: &Operation,
        assigned: &mut HashMap<String, Assigned>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Outcome {
        let allocation = &operation.allocation;
        let (status, mut state) = match fault(Step::Outcome) {
            Some(Effect::Fail { error_code, message }) => ("failed", failure(error_code, &message)),
            Some(Effect::Disable) => ("disabled", State::default()),
            _ if !allocation.is_enabled => ("disabled", State::default()),
            _ if let Selection::Webhook(Err(reason)) = &operation.selection => {
                let message = format!("Custom allocation failed: {reason}.");
                ("failed", failure(400_207, &message))
            }
            _ => ("assigned", self.assignment(operation, assigned, fault)),
        };
        let attestation = match &allocation.group {
            Some(group) => json!({"enrollmentGroupId": group}),
            None => json!({}),
        };
        let members = [
            ("registrationId", json!(operation.registration_id)),
            ("createdDateTimeUtc", json!(operation.created)),
            ("lastUpdatedDateTimeUtc", json!(now())),
            ("status", json!(status)),
            ("etag", json!(etag())),
            (allocation.attestation, attestation),
        ];
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        state.members.extend(members);
        let answer = Answer::about_operation(200, RetryAfter::Absent, id, status, Some(&state));
        Outcome { state, answer }
    }

    /// What the registration state of an assigned device has.
    fn assignment(
        &self,
        operation: &Operation,
        assigned: &mut HashMap<String, Assigned>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> State {
        let mut fields = Map::new();
        let (allocation, device) = (&operation.allocation, &operation.device);
        let hubs = linked_hubs(allocation, &self.rules.hubs);
        let (hub, payload, initial_twin) = match &operation.selection {
            Selection::Webhook(Ok(answer)) => (
                answer.iot_hub_host_name.clone(),
                answer.payload.clone(),
                answer.initial_twin.clone(),
            ),
            // Without a webhook, the payload of the device is returned to it.
            _ if allocation.policy == AllocationPolicy::Custom && allocation.webhook.is_none() => (
                select_hub(allocation.policy, hubs, device),
                operation.request.payload.clone(),
                None,
            ),
            _ => (select_hub(allocation.policy, hubs, device), None, None),
        };
        let assignment = assign(hub, allocation.reprovision, assigned.get(device));
        let device_id = allocation.device_id.as_ref().unwrap_or(&operation.registration_id);
        fields.insert("assignedHub".into(), json!(assignment.hub));
        fields.insert("deviceId".into(), json!(device_id));
        fields.insert("substatus".into(), json!(assignment.substatus));
        assigned.insert(device.clone(), assignment);
        if operation.request.with_profile {
            fields.insert("connectionProfile".into(), json!(self.rules.connection_profile));
        }
        if let Some(csr) = &operation.request.csr {
            let chain = match fault(Step::Certificate) {
                Some(Effect::Issue(chain)) => chain,
                // As at the service, the request has no effect without a policy.
                _ if !allocation.issues_certificates => None,
                _ => Some(self.issue(csr, &operation.registration_id)),
            };
            fields.extend(chain.map(|chain| ("issuedCertificateChain".to_owned(), chain)));
        }
        State {
            members: fields,
            payload,
            initial_twin,
        }
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

/// What the registration state of a device that is not assigned has.
fn failure(error_code: u32, message: &str) -> State {
    State {
        members: Map::from_iter([
            ("errorCode".into(), json!(error_code)),
            ("errorMessage".into(), json!(message)),
        ]),
        ..State::default()
    }
}

#[cfg(test)]
mod tests;

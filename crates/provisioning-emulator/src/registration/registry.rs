//! The registry: answers the registration requests and the queries of devices.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    allocation::{Assigned, Selection, assign, linked_hubs, select_hub, webhook_body},
    answer::Answer,
    devices::{Devices, Limits},
    operation::{Next, Running},
    request::Request,
    saved::SavedRegistration,
    state::{Assignment, Attestation, Failure, Outcome, RegistrationStatus, State},
};
use crate::{
    enrollment::{Allocation, AllocationPolicy},
    faults::{Effect, Step},
    identifiers::{etag, now, operation_id},
    identity::Authority,
    persistence::Journal,
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
    devices: Mutex<Devices>,
}

impl Registry {
    pub(crate) fn new(rules: Rules, authority: Arc<Authority>) -> Self {
        Self {
            rules,
            authority,
            devices: Mutex::new(Devices::new(Limits::default())),
        }
    }

    /// Adds completed registrations of an earlier run, the oldest first, and records changes from now on.
    pub(crate) fn restore(&self, saved: Vec<SavedRegistration>, journal: Journal) {
        self.devices().restore(saved, journal);
    }

    /// Answers a registration request. `allocation` is `None` if the enrollment of the device was deleted; `fault`
    /// returns the fault at a step. The call of a webhook, if there is one, is the caller's to make.
    pub(crate) fn register(
        &self,
        client: Client<'_>,
        body: &[u8],
        allocation: Option<Arc<Allocation>>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Result<(Answer, Option<WebhookCall>), Refusal> {
        let request = Request::read(body, client.registration_id, client.api_version, self.rules.strict_csr)?;
        let allocation = allocation.ok_or_else(|| Refusal::new(404, 404_201, "Enrollment not found."))?;
        let (id, device) = (operation_id(), client.registration_id.to_ascii_lowercase());
        let call = self.webhook_call(&id, &device, client, &request, &allocation);
        let running = Running {
            polls_left: match fault(Step::Polling) {
                Some(Effect::Polls(polls)) => polls,
                _ => self.rules.polls,
            },
            registration_id: client.registration_id.into(),
            connection: client.connection,
            request,
            created: now(),
            allocation,
            selection: match call {
                Some(_) => Selection::Pending,
                None => Selection::ByPolicy,
            },
        };
        let next = self.devices().start(&device, &id, running)?;
        let answer = match next {
            Next::Assigning(_) => self.assigning(&id, None),
            next => self.answer(&device, &id, next, fault),
        };
        Ok((answer, call))
    }

    /// The call of the enrollment's webhook, unless the device stays where it is.
    fn webhook_call(
        &self,
        operation_id: &str,
        device: &str,
        client: Client<'_>,
        request: &Request,
        allocation: &Allocation,
    ) -> Option<WebhookCall> {
        let webhook = allocation.webhook.as_ref()?;
        let stays = || !allocation.reprovision.update_hub_assignment && self.devices().is_assigned(device);
        if !allocation.is_enabled || stays() {
            return None;
        }
        let hubs = linked_hubs(allocation, &self.rules.hubs);
        let (id, payload) = (client.registration_id, request.payload.as_deref());
        Some(WebhookCall {
            operation_id: operation_id.to_owned(),
            registration_id: id.to_owned(),
            url: webhook.url.clone(),
            body: webhook_body(allocation, &webhook.enrollment, hubs, id, payload),
        })
    }

    /// Records the result of a call of a webhook. Returns the selected hub, or the reason of the failure.
    pub(crate) fn webhook_answered(
        &self,
        call: &WebhookCall,
        result: Result<WebhookAnswer, String>,
    ) -> Result<String, String> {
        let device = call.registration_id.to_ascii_lowercase();
        let recorded = self.devices().select(&device, &call.operation_id, |running| {
            let hubs = linked_hubs(&running.allocation, &self.rules.hubs);
            let answer = result?;
            let is_linked = |hub: &String| hub.eq_ignore_ascii_case(&answer.iot_hub_host_name);
            match hubs.iter().any(is_linked) {
                true => Ok(answer),
                false => Err(format!("the hub {:?} is not linked", answer.iot_hub_host_name)),
            }
        });
        recorded.unwrap_or_else(|| Err("the registration was deleted meanwhile".to_owned()))
    }

    /// Answers a query about an operation of the device.
    pub(crate) fn query(
        &self,
        registration_id: &str,
        operation_id: &str,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> Result<Answer, Refusal> {
        let device = registration_id.to_ascii_lowercase();
        let next = self.devices().query(&device, operation_id);
        let next = next.ok_or_else(|| Refusal::new(404, 404_203, "Operation not found."))?;
        Ok(self.answer(&device, operation_id, next, fault))
    }

    /// The answer about an operation, whose outcome is determined once.
    fn answer(&self, device: &str, id: &str, next: Next, fault: impl Fn(Step) -> Option<Effect>) -> Answer {
        let mut completed = None;
        let state = match next {
            Next::Assigning(registration_id) => return self.assigning(id, Some(&State::assigning(&registration_id))),
            Next::Ended(state) => state,
            Next::Complete(running, former) => {
                let (state, assigned) = self.outcome(device, *running, former.as_ref(), fault);
                let state = Arc::new(state);
                self.devices().end(device, id, &state, assigned);
                completed = Some(state.in_words());
                state
            }
        };
        Answer {
            outcome: completed,
            ..Answer::about_operation(200, RetryAfter::Absent, id, state.status, Some(&state))
        }
    }

    fn assigning(&self, operation_id: &str, registration_state: Option<&State>) -> Answer {
        let (retry_after, status) = (self.rules.retry_after.clone(), RegistrationStatus::Assigning);
        Answer::about_operation(202, retry_after, operation_id, status, registration_state)
    }

    /// The connections on which the device has started a registration that is not completed.
    pub(crate) fn registering_connections(&self, registration_id: &str) -> Vec<u64> {
        let device = registration_id.to_ascii_lowercase();
        self.devices().registering_connections(&device)
    }

    /// The outcome of a registration, and where the device is assigned if it is.
    fn outcome(
        &self,
        device: &str,
        running: Running,
        former: Option<&Assigned>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> (State, Option<Assigned>) {
        use RegistrationStatus::{Assigned as IsAssigned, Disabled, Failed};
        let state = |status| State::new(Arc::clone(&running.registration_id), status);
        let failed = |error_code, error_message| State {
            failure: Some(Failure {
                error_code,
                error_message,
            }),
            ..state(Failed)
        };
        let allocation = &running.allocation;
        let outcome = Some(Outcome {
            created_date_time_utc: running.created.clone(),
            last_updated_date_time_utc: now(),
            etag: etag(),
            attestation: Attestation {
                kind: allocation.attestation,
                group: allocation.group.clone(),
            },
        });
        let state = match fault(Step::Outcome) {
            Some(Effect::Fail { error_code, message }) => failed(error_code, message),
            Some(Effect::Disable) => state(Disabled),
            _ if !allocation.is_enabled => state(Disabled),
            _ if let Selection::Webhook(Err(reason)) = &running.selection => {
                failed(400_207, format!("Custom allocation failed: {reason}."))
            }
            _ => {
                let (assigned, assignment) = self.assignment(state(IsAssigned), device, running, former, fault);
                return (State { outcome, ..assignment }, Some(assigned));
            }
        };
        (State { outcome, ..state }, None)
    }

    /// Adds to the state of a device what an assigned device has.
    fn assignment(
        &self,
        state: State,
        device: &str,
        running: Running,
        former: Option<&Assigned>,
        fault: impl Fn(Step) -> Option<Effect>,
    ) -> (Assigned, State) {
        let chain = self.chain(&running, fault).map(Arc::new);
        let Running {
            registration_id,
            allocation,
            request,
            selection,
            ..
        } = running;
        let hubs = linked_hubs(&allocation, &self.rules.hubs);
        let by_policy = || select_hub(allocation.policy, hubs, device);
        let (hub, payload, initial_twin) = match selection {
            Selection::Webhook(Ok(answer)) => (answer.iot_hub_host_name, answer.payload, answer.initial_twin),
            // Without a webhook, the payload of the device is returned to it.
            _ if allocation.policy == AllocationPolicy::Custom && allocation.webhook.is_none() => {
                (by_policy(), request.payload, None)
            }
            _ => (by_policy(), None, None),
        };
        let assigned = assign(hub, allocation.reprovision, former);
        let id = allocation.device_id.as_deref().unwrap_or(&registration_id);
        let profile = request.with_profile.then(|| self.rules.connection_profile.clone());
        let state = State {
            assignment: Some(Assignment {
                device_id: id.to_owned(),
                assigned_hub: assigned.hub.clone(),
                substatus: assigned.substatus,
                connection_profile: profile,
            }),
            issued_certificate_chain: chain,
            payload,
            initial_twin,
            ..state
        };
        (assigned, state)
    }

    /// The chain for the signing request of a registration, if it has one and its enrollment issues certificates.
    fn chain(&self, running: &Running, fault: impl Fn(Step) -> Option<Effect>) -> Option<Value> {
        let csr = running.request.csr.as_ref()?;
        match fault(Step::Certificate) {
            Some(Effect::Issue(chain)) => chain,
            // As at the service, the request has no effect without a policy.
            _ if !running.allocation.issues_certificates => None,
            _ => Some(self.issue(csr, &running.registration_id)),
        }
    }

    /// The chain for a CSR, base64 of DER, the device's certificate first; null if none can be issued.
    fn issue(&self, csr: &[u8], registration_id: &str) -> Value {
        let chain = self.authority.issue_for(csr, registration_id);
        let encoded = |chain: Vec<Vec<u8>>| chain.iter().map(|der| STANDARD.encode(der)).collect();
        chain.map_or(Value::Null, encoded)
    }

    pub(super) fn devices(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

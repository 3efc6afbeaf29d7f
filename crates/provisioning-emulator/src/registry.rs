//! The registrations: what each request is answered, with which status and body.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    Device, Registration, RetryAfter,
    allocation::{Assigned, allocate},
    device::{Outcome, Throttle},
    enrollment::{Allocation, AllocationPolicy},
    pki::{self, Authority},
    refused::{Refused, changed_meanwhile},
    stamps::{etag, now, operation_id, uuid},
};

/// What one request is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: RetryAfter,
    pub(crate) body: Value,
}

/// How devices are treated that nobody said anything special about, and what they are told.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) polls: u32,
    pub(crate) retry_after: RetryAfter,
    /// For enrollments that name none.
    pub(crate) hubs: Vec<String>,
    /// How to connect to a hub, for who asks with an api-version that knows of it.
    pub(crate) connection_profile: String,
    /// By registration id in lower case.
    pub(crate) devices: HashMap<String, Device>,
}

/// All registrations. They outlive connections.
pub(crate) struct Registry {
    rules: Rules,
    authority: Arc<Authority>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    operations: HashMap<String, Operation>,
    /// The operations, oldest first.
    order: VecDeque<String>,
    /// Where each device went last, by registration id in lower case.
    assigned: HashMap<String, Assigned>,
    /// How many of a device's requests were turned away, by registration id in lower case.
    turned_away: HashMap<String, u32>,
}

/// More operations than these are not kept; the oldest go first.
const MAX_OPERATIONS: usize = 20_000;

/// The first version of the interface that knows of certificate signing requests, and of connection profiles.
const FIRST_WITH_CSR: &str = "2025-07-01";
const FIRST_WITH_PROFILE: &str = "2026-11-02";

struct Operation {
    /// In lower case.
    device: String,
    registration_id: String,
    polls_left: u32,
    payload: Option<Value>,
    /// PKCS#10 in DER.
    csr: Option<Vec<u8>>,
    with_profile: bool,
    allocation: Allocation,
    created: String,
    /// Where it ended: said again when asked again.
    outcome: Option<Answer>,
}

impl Registry {
    pub(crate) fn new(rules: Rules, authority: Arc<Authority>) -> Self {
        Self {
            rules,
            authority,
            state: Mutex::default(),
        }
    }

    /// A registration request of the device that connected as `registration_id` and speaks this api-version;
    /// `allocation` is what its enrollment says, if that is still there.
    pub(crate) fn register(
        &self,
        registration_id: &str,
        api_version: &str,
        body: &[u8],
        allocation: Option<Allocation>,
    ) -> Answer {
        let key = registration_id.to_ascii_lowercase();
        let mut state = self.state();
        if let Some(answer) = self.turn_away(&mut state, &key) {
            return answer;
        }
        let request = match read_request(body, registration_id) {
            Ok(request) => request,
            Err(message) => return refusal(400, 400_004, message),
        };
        if let Outcome::Refused {
            status,
            error_code,
            message,
        } = self.outcome(&key)
        {
            return refusal(*status, *error_code, message);
        }
        let Some(allocation) = allocation else {
            return refusal(404, 404_201, "Enrollment not found.");
        };
        let knows = |first: &str| api_version.get(..first.len()).is_some_and(|date| date >= first);
        let csr = match request
            .get("csr")
            .filter(|_| knows(FIRST_WITH_CSR))
            .map(|csr| read_csr(csr, registration_id))
        {
            None => None,
            Some(Ok(csr)) => Some(csr),
            Some(Err(message)) => return refusal(400, 400_004, &message),
        };
        let mut operation = Operation {
            polls_left: self.polls(&key),
            device: key,
            registration_id: registration_id.to_owned(),
            payload: request.get("payload").cloned(),
            csr,
            with_profile: knows(FIRST_WITH_PROFILE),
            created: now(),
            allocation,
            outcome: None,
        };
        let id = operation_id();
        // With no polls the request itself is answered with the outcome.
        let answer = match operation.polls_left {
            0 => self.outcome_of(&id, &mut operation, &mut state.assigned),
            _ => Answer {
                status: 202,
                retry_after: self.rules.retry_after.clone(),
                body: json!({"operationId": id, "status": "assigning"}),
            },
        };
        state.keep(id, operation);
        answer
    }

    /// A query of the device that connected as `registration_id`.
    pub(crate) fn query(&self, registration_id: &str, operation_id: &str) -> Answer {
        let key = registration_id.to_ascii_lowercase();
        let mut state = self.state();
        if let Some(answer) = self.turn_away(&mut state, &key) {
            return answer;
        }
        let State {
            operations, assigned, ..
        } = &mut *state;
        let operation = operations
            .get_mut(operation_id)
            .filter(|operation| operation.device == key);
        let Some(operation) = operation else {
            return refusal(404, 404_203, "Operation not found.");
        };
        operation.polls_left = match operation.polls_left {
            u32::MAX => u32::MAX,
            polls => polls.saturating_sub(1),
        };
        if operation.polls_left == 0 {
            return self.outcome_of(operation_id, operation, assigned);
        }
        let state = json!({"registrationId": operation.registration_id, "status": "assigning"});
        Answer {
            status: 202,
            retry_after: self.rules.retry_after.clone(),
            body: json!({"operationId": operation_id, "status": "assigning", "registrationState": state}),
        }
    }

    /// The latest registration of each device, sorted by registration id.
    pub(crate) fn registrations(&self) -> Vec<Registration> {
        let all = self.all_registrations();
        let mut registrations: Vec<_> = all.iter().map(Registration::of_state).collect();
        registrations.sort_by_cached_key(|it| it.registration_id.to_ascii_lowercase());
        registrations
    }

    pub(crate) fn all_registrations(&self) -> Vec<Value> {
        let state = self.state();
        let mut latest: HashMap<&str, (&str, Value)> = HashMap::new();
        for operation in state.operations.values() {
            let registration = match &operation.outcome {
                Some(outcome) => outcome.body["registrationState"].clone(),
                None => json!({"registrationId": operation.registration_id, "status": "assigning"}),
            };
            let newest = latest.entry(&operation.device).or_default();
            if operation.created.as_str() >= newest.0 {
                *newest = (&operation.created, registration);
            }
        }
        latest.into_values().map(|(_, registration)| registration).collect()
    }

    pub(crate) fn registration(&self, id: &str) -> Result<Value, Refused> {
        let is_it = |it: &Value| is(&it["registrationId"], id);
        let found = self.all_registrations().into_iter().find(is_it);
        found.ok_or_else(|| Refused {
            status: 404,
            error_code: 404_202,
            message: "Registration not found.".to_owned(),
        })
    }

    pub(crate) fn delete_registration(&self, id: &str, if_match: Option<&str>) -> Result<(), Refused> {
        let registration = self.registration(id)?;
        if if_match.is_some_and(|etag| etag != "*" && registration["etag"] != etag) {
            return Err(changed_meanwhile());
        }
        self.forget(id);
        Ok(())
    }

    pub(crate) fn registrations_of_group(&self, group: &str) -> Vec<Value> {
        let mut all = self.all_registrations();
        let of_group = |block: &Value| is(&block["enrollmentGroupId"], group);
        all.retain(|it| of_group(&it["x509"]) || of_group(&it["symmetricKey"]));
        all
    }

    fn forget(&self, id: &str) {
        let mut state = self.state();
        state
            .operations
            .retain(|_, operation| !operation.device.eq_ignore_ascii_case(id));
        state.assigned.remove(&id.to_ascii_lowercase());
    }

    fn turn_away(&self, state: &mut State, key: &str) -> Option<Answer> {
        let Throttle {
            status,
            times,
            retry_after,
        } = self.rules.devices.get(key)?.throttle.as_ref()?;
        let so_far = state.turned_away.entry(key.to_owned()).or_default();
        if *so_far >= *times {
            return None;
        }
        *so_far += 1;
        let (code, message) = match status {
            429 => (429_001, "Operations are being throttled for this tenant."),
            _ => (u32::from(*status) * 1000 + 1, "The service failed."),
        };
        Some(Answer {
            retry_after: retry_after.clone(),
            ..refusal(*status, code, message)
        })
    }

    fn outcome_of(
        &self,
        operation_id: &str,
        operation: &mut Operation,
        assigned: &mut HashMap<String, Assigned>,
    ) -> Answer {
        if let Some(outcome) = &operation.outcome {
            return outcome.clone();
        }
        let outcome = self.new_outcome(operation_id, operation, assigned);
        operation.outcome = Some(outcome.clone());
        outcome
    }

    fn new_outcome(
        &self,
        operation_id: &str,
        operation: &Operation,
        assigned: &mut HashMap<String, Assigned>,
    ) -> Answer {
        let (status, details) = match self.outcome(&operation.device) {
            Outcome::Failed { error_code, message } => {
                ("failed", json!({"errorCode": error_code, "errorMessage": message}))
            }
            Outcome::Disabled => ("disabled", json!({})),
            Outcome::Assigned if !operation.allocation.is_enabled => ("disabled", json!({})),
            Outcome::Assigned | Outcome::Refused { .. } => ("assigned", self.assignment(operation, assigned)),
        };
        let mut state = json!({
            "registrationId": operation.registration_id,
            "createdDateTimeUtc": operation.created,
            "lastUpdatedDateTimeUtc": now(),
            "status": status,
            "etag": etag(),
        });
        state[operation.allocation.attestation] = match &operation.allocation.group {
            Some(group) => json!({"enrollmentGroupId": group}),
            None => json!({}),
        };
        if let (Some(state), Value::Object(details)) = (state.as_object_mut(), details) {
            state.extend(details);
        }
        Answer {
            status: 200,
            retry_after: RetryAfter::Absent,
            body: json!({"operationId": operation_id, "status": status, "registrationState": state}),
        }
    }

    fn assignment(&self, operation: &Operation, assigned: &mut HashMap<String, Assigned>) -> Value {
        let mut fields = Map::new();
        let allocation = &operation.allocation;
        let went = allocate(
            allocation,
            &self.rules.hubs,
            &operation.device,
            assigned.get(&operation.device),
        );
        let device_id = allocation.device_id.as_ref().unwrap_or(&operation.registration_id);
        fields.insert("assignedHub".into(), json!(went.hub));
        fields.insert("deviceId".into(), json!(device_id));
        fields.insert("substatus".into(), json!(went.substatus));
        assigned.insert(operation.device.clone(), went);
        if let (Some(payload), AllocationPolicy::Custom) = (&operation.payload, allocation.policy) {
            fields.insert("payload".into(), payload.clone());
        }
        if operation.with_profile {
            fields.insert("connectionProfile".into(), json!(self.rules.connection_profile));
        }
        if let Some(csr) = &operation.csr {
            let device = self.rules.devices.get(&operation.device);
            let chain = match device.and_then(|device| device.issued_chain.clone()) {
                Some(verbatim) => verbatim,
                None => self.issue(csr, &operation.registration_id),
            };
            fields.extend(chain.map(|chain| ("issuedCertificateChain".to_owned(), chain)));
        }
        Value::Object(fields)
    }

    /// The chain for a CSR, base64 of DER, the device's first; null where none can be made.
    fn issue(&self, csr: &[u8], registration_id: &str) -> Option<Value> {
        let chain = self.authority.issue_for(csr, registration_id);
        let encoded = |chain: Vec<Vec<u8>>| chain.iter().map(|der| STANDARD.encode(der)).collect();
        Some(chain.map_or(Value::Null, encoded))
    }

    fn outcome(&self, key: &str) -> &Outcome {
        self.rules
            .devices
            .get(key)
            .map_or(&Outcome::Assigned, |device| &device.outcome)
    }

    fn polls(&self, key: &str) -> u32 {
        self.rules
            .devices
            .get(key)
            .and_then(|device| device.polls)
            .unwrap_or(self.rules.polls)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, id: String, operation: Operation) {
        self.order.push_back(id.clone());
        self.operations.insert(id, operation);
        while self.order.len() > MAX_OPERATIONS {
            if let Some(oldest) = self.order.pop_front() {
                self.operations.remove(&oldest);
            }
        }
    }
}

/// The answer to what the service does not take.
pub(crate) fn refusal(status: u16, error_code: u32, message: &str) -> Answer {
    Answer {
        status,
        retry_after: RetryAfter::Absent,
        body: json!({
            "errorCode": error_code,
            "trackingId": uuid(),
            "message": message,
            "timestampUtc": now(),
        }),
    }
}

fn read_request(body: &[u8], registration_id: &str) -> Result<Map<String, Value>, &'static str> {
    let Ok(Value::Object(request)) = serde_json::from_slice(body) else {
        return Err("The body is not a JSON object.");
    };
    match request.get("registrationId").and_then(Value::as_str) {
        Some(id) if id.eq_ignore_ascii_case(registration_id) => Ok(request),
        _ => Err("The registrationId is missing or another than the connection's."),
    }
}

/// A PKCS#10 request, in DER, from base64.
fn read_csr(csr: &Value, registration_id: &str) -> Result<Vec<u8>, String> {
    let decoded = csr.as_str().and_then(|text| STANDARD.decode(text).ok());
    let der = decoded.ok_or("The csr is no base64.")?;
    pki::read_csr(&der, registration_id).map(|_| der)
}

fn is(value: &Value, id: &str) -> bool {
    value.as_str().is_some_and(|it| it.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(device: Device) -> Registry {
        let devices = HashMap::from([(device.registration_id.to_ascii_lowercase(), device)]);
        let rules = Rules {
            polls: 1,
            retry_after: RetryAfter::Seconds(3),
            hubs: vec!["hub".into()],
            connection_profile: "classic".into(),
            devices,
        };
        Registry::new(rules, Arc::new(Authority::generate().expect("a CA")))
    }

    fn register(registry: &Registry, id: &str, body: &[u8]) -> Answer {
        let allocation = Allocation {
            attestation: "x509",
            group: None,
            is_enabled: true,
            device_id: None,
            hubs: vec![],
            policy: AllocationPolicy::Custom,
            reprovision: Default::default(),
        };
        registry.register(id, "2019-03-31", body, Some(allocation))
    }

    const REQUEST: &[u8] = br#"{"registrationId":"Device","payload":null}"#;

    #[test]
    fn a_device_is_assigned_after_its_polls_under_the_id_that_it_connected_with() {
        let registry = registry(Device::new("device").polls_before_outcome(2));
        let first = register(&registry, "Device", REQUEST);
        assert_eq!((first.status, &first.body["status"]), (202, &json!("assigning")));
        assert_eq!(first.retry_after, RetryAfter::Seconds(3));
        let id = first.body["operationId"].as_str().expect("an id");
        assert_eq!(registry.query("DEVICE", id).status, 202);
        let done = registry.query("device", id);
        assert_eq!(
            (done.status, &done.body["registrationState"]["deviceId"]),
            (200, &json!("Device"))
        );
        assert_eq!(done.body["registrationState"]["payload"], Value::Null);
        assert_eq!(
            registry.query("device", id).status,
            200,
            "an operation can be asked for again"
        );
    }

    #[test]
    fn another_devices_operation_is_not_found() {
        let registry = registry(Device::new("device"));
        let answer = register(&registry, "device", REQUEST);
        let id = answer.body["operationId"].as_str().expect("an id");
        let refused = registry.query("other", id);
        assert_eq!((refused.status, &refused.body["errorCode"]), (404, &json!(404_203)));
    }

    #[test]
    fn the_oldest_operations_are_forgotten_when_there_are_too_many() {
        let registry = registry(Device::new("device").never_assigned());
        let id = |answer: &Answer| answer.body["operationId"].as_str().expect("an id").to_owned();
        let first = id(&register(&registry, "device", REQUEST));
        let second = id(&register(&registry, "device", REQUEST));
        for _ in 1..MAX_OPERATIONS {
            register(&registry, "device", REQUEST);
        }
        assert_eq!(registry.query("device", &first).status, 404);
        assert_eq!(registry.query("device", &second).status, 202);
    }

    #[test]
    fn a_body_that_is_no_request_is_refused_with_400() {
        let registry = registry(Device::new("device"));
        for body in [b"".as_slice(), b"[]", b"{}", br#"{"registrationId":"other"}"#, b"{"] {
            assert_eq!(register(&registry, "device", body).status, 400);
        }
    }

    #[test]
    fn throttling_ends_after_its_times() {
        let registry = registry(
            Device::new("device")
                .throttled(429, 2, RetryAfter::Absent)
                .polls_before_outcome(0),
        );
        let statuses: Vec<u16> = (0..3).map(|_| register(&registry, "device", REQUEST).status).collect();
        assert_eq!(statuses, [429, 429, 200]);
    }

    #[test]
    fn failed_and_disabled_are_told_in_the_body() {
        let failed = registry(Device::new("device").failed(400_209, "no hub").polls_before_outcome(0));
        let answer = register(&failed, "device", REQUEST);
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("failed")));
        assert_eq!(answer.body["registrationState"]["errorCode"], 400_209);
        let disabled = registry(Device::new("device").disabled().polls_before_outcome(0));
        assert_eq!(register(&disabled, "device", REQUEST).body["status"], "disabled");
    }
}

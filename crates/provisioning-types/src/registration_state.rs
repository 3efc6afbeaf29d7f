//! The result of a registration: typed fields, and every other field as it arrived.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{connection_profile::ConnectionProfile, error_code::ErrorCode};

/// The service's `registrationState`, as it arrived.
///
/// Every documented field has a method; unknown fields are kept and found through [`raw`](Self::raw). A field that is
/// absent, `null` or of another type than documented is `None`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistrationState(Arc<Map<String, Value>>);

impl RegistrationState {
    /// Wraps the JSON object.
    pub fn new(fields: Map<String, Value>) -> Self {
        Self(Arc::new(fields))
    }

    /// Every field under its wire name, known or not.
    pub fn raw(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The registration id.
    pub fn registration_id(&self) -> Option<&str> {
        self.text("registrationId")
    }

    /// When the registration was created: UTC, ISO 8601, as the service wrote it.
    pub fn created_at(&self) -> Option<&str> {
        self.text("createdDateTimeUtc")
    }

    /// When the registration was last changed: UTC, ISO 8601, as the service wrote it.
    pub fn last_updated_at(&self) -> Option<&str> {
        self.text("lastUpdatedDateTimeUtc")
    }

    /// [`created_at`](Self::created_at) as a time; `None` if it cannot be parsed.
    pub fn created_time(&self) -> Option<SystemTime> {
        parse_time(self.created_at()?)
    }

    /// [`last_updated_at`](Self::last_updated_at) as a time; `None` if it cannot be parsed.
    pub fn last_updated_time(&self) -> Option<SystemTime> {
        parse_time(self.last_updated_at()?)
    }

    /// The host name of the IoT hub that the device belongs to.
    pub fn assigned_hub(&self) -> Option<&str> {
        self.text("assignedHub")
    }

    /// The device's id at that hub.
    pub fn device_id(&self) -> Option<&str> {
        self.text("deviceId")
    }

    /// How the assignment came about.
    pub fn substatus(&self) -> Option<Substatus> {
        self.text("substatus").map(Substatus::from_wire)
    }

    /// The version of this state.
    pub fn etag(&self) -> Option<&str> {
        self.text("etag")
    }

    /// The device's generation at the hub.
    pub fn generation_id(&self) -> Option<&str> {
        self.text("generationId")
    }

    /// What a custom allocation webhook returned: any JSON value.
    pub fn payload(&self) -> Option<&Value> {
        self.field("payload")
    }

    /// The enrollment group that the credential belongs to, for X.509 and symmetric keys alike.
    pub fn enrollment_group_id(&self) -> Option<&str> {
        let blocks = [self.x509(), self.symmetric_key()];
        blocks
            .into_iter()
            .flatten()
            .find_map(|block| block.enrollment_group_id())
    }

    /// The `x509` block: the device registered with a certificate.
    pub fn x509(&self) -> Option<AttestationState<'_>> {
        self.field("x509")?.as_object().map(AttestationState)
    }

    /// The `symmetricKey` block: the device registered with a symmetric key.
    pub fn symmetric_key(&self) -> Option<AttestationState<'_>> {
        self.field("symmetricKey")?.as_object().map(AttestationState)
    }

    /// The `tpm` block.
    pub fn tpm(&self) -> Option<&Map<String, Value>> {
        self.field("tpm")?.as_object()
    }

    /// The certificates issued for a CSR, as the service wrote them: base64 of DER, or of PEM, the device's own first,
    /// usually up to the root. Entries that are not text are left out. `None` when the service issued nothing, as for an
    /// enrollment without a certificate policy.
    ///
    /// `IssuedChain` of `provisioning-credentials` decodes and checks them.
    pub fn issued_certificate_chain(&self) -> Option<Vec<&str>> {
        let chain = self.field("issuedCertificateChain")?.as_array()?;
        Some(chain.iter().filter_map(Value::as_str).collect())
    }

    /// How to connect to the hub: [`Classic`](ConnectionProfile::Classic) unless the service says otherwise. It is
    /// compared without case; [`raw`](Self::raw) has it as it arrived.
    pub fn connection_profile(&self) -> ConnectionProfile {
        ConnectionProfile::from_wire(self.0.get("connectionProfile"))
    }

    /// The service's six-digit code of a failed registration.
    pub fn error_code(&self) -> Option<ErrorCode> {
        self.field("errorCode")?.as_u64().map(ErrorCode::from)
    }

    /// The service's words about a failed registration.
    pub fn error_message(&self) -> Option<&str> {
        self.text("errorMessage")
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }
}

/// What the service says about the credential.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttestationState<'a>(&'a Map<String, Value>);

impl<'a> AttestationState<'a> {
    /// The enrollment group that the credential belongs to; none with an individual enrollment.
    pub fn enrollment_group_id(self) -> Option<&'a str> {
        self.0.get("enrollmentGroupId")?.as_str()
    }

    /// Every field under its wire name, known or not.
    pub fn raw(self) -> &'a Map<String, Value> {
        self.0
    }
}

/// A time as the service writes it: UTC, ISO 8601, usually with seven fractional digits.
pub(crate) fn parse_time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

/// How an assignment came about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Substatus {
    /// Assigned for the first time.
    InitialAssignment,
    /// Assigned to another hub, its data moved there.
    DeviceDataMigrated,
    /// Assigned to another hub, its data reset.
    DeviceDataReset,
    /// Assigned anew to the initial state.
    ReprovisionedToInitialAssignment,
    /// What this version does not know, verbatim.
    Other(String),
}

impl Substatus {
    fn from_wire(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "initialassignment" => Self::InitialAssignment,
            "devicedatamigrated" => Self::DeviceDataMigrated,
            "devicedatareset" => Self::DeviceDataReset,
            "reprovisionedtoinitialassignment" => Self::ReprovisionedToInitialAssignment,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// The wire name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InitialAssignment => "initialAssignment",
            Self::DeviceDataMigrated => "deviceDataMigrated",
            Self::DeviceDataReset => "deviceDataReset",
            Self::ReprovisionedToInitialAssignment => "reprovisionedToInitialAssignment",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Substatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The end of a successful registration: the hub, the device's id there, and everything else that the service said.
///
/// With serde it is `{"operationId":…,"registrationState":{…}}`, as on the wire.
#[doc(alias = "RegistrationResult")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Answered", into = "Answered")]
pub struct Assignment {
    operation_id: Option<String>,
    /// With a hub and a device id.
    state: RegistrationState,
}

impl Assignment {
    /// Reads an `assigned` answer's `registrationState`.
    ///
    /// `None` unless it holds `assignedHub` and `deviceId` as non-empty texts: without them there is nothing to
    /// connect to.
    pub fn from_state(state: RegistrationState, operation_id: Option<String>) -> Option<Self> {
        let is_given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        let is_complete = is_given(state.assigned_hub()) && is_given(state.device_id());
        is_complete.then_some(Self { operation_id, state })
    }

    /// The host name of the IoT hub that the device belongs to.
    pub fn assigned_hub(&self) -> &str {
        self.state.assigned_hub().unwrap_or_default()
    }

    /// The device's id at that hub.
    pub fn device_id(&self) -> &str {
        self.state.device_id().unwrap_or_default()
    }

    /// The operation that led here, for the service's support.
    pub fn operation_id(&self) -> Option<&str> {
        self.operation_id.as_deref()
    }

    /// Everything else.
    pub fn state(&self) -> &RegistrationState {
        &self.state
    }
}

/// An assignment as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    registration_state: RegistrationState,
}

impl TryFrom<Answered> for Assignment {
    type Error = &'static str;

    fn try_from(answered: Answered) -> Result<Self, &'static str> {
        Self::from_state(answered.registration_state, answered.operation_id)
            .ok_or("the registration state has no assignedHub or no deviceId")
    }
}

impl From<Assignment> for Answered {
    fn from(assignment: Assignment) -> Self {
        Self {
            operation_id: assignment.operation_id,
            registration_state: assignment.state,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(json: Value) -> RegistrationState {
        RegistrationState::new(json.as_object().expect("an object").clone())
    }

    #[test]
    fn the_captured_answer_of_the_live_service_is_read_whole() {
        let state = state(json!({
            "x509": {"enrollmentGroupId": "dac6db18"},
            "registrationId": "sn01", "createdDateTimeUtc": "2023-01-10T21:52:50.5898405Z",
            "assignedHub": "hub.azure-devices.net", "deviceId": "sn01", "status": "assigned",
            "substatus": "initialAssignment", "lastUpdatedDateTimeUtc": "2023-01-10T21:52:52.1928267Z",
            "etag": "IjYy", "somethingNew": {"a": 1},
        }));
        assert_eq!(state.registration_id(), Some("sn01"));
        assert_eq!(state.created_at(), Some("2023-01-10T21:52:50.5898405Z"));
        assert_eq!(state.last_updated_at(), Some("2023-01-10T21:52:52.1928267Z"));
        let created = state.created_time().expect("a time");
        let took = state.last_updated_time().expect("a time").duration_since(created);
        assert_eq!(took.expect("later").as_nanos(), 1_602_986_200);
        assert_eq!(state.enrollment_group_id(), Some("dac6db18"));
        assert_eq!(state.substatus(), Some(Substatus::InitialAssignment));
        assert_eq!(state.etag(), Some("IjYy"));
        assert_eq!(state.raw()["somethingNew"], json!({"a": 1}));
    }

    #[test]
    fn the_rarer_fields_are_read_too() {
        let state = state(json!({
            "symmetricKey": {"enrollmentGroupId": "g"}, "tpm": {"authenticationKey": "k"},
            "generationId": "7", "connectionProfile": "mqttV9", "errorCode": 400_207, "errorMessage": "m",
            "issuedCertificateChain": ["AA==", "BB=="], "substatus": "somethingElse",
        }));
        assert_eq!(state.enrollment_group_id(), Some("g"));
        assert_eq!(state.tpm().expect("tpm")["authenticationKey"], "k");
        assert_eq!(state.generation_id(), Some("7"));
        assert_eq!(state.connection_profile().as_str(), "mqttV9");
        assert_eq!(state.error_code(), Some(ErrorCode::CustomAllocationFailed));
        assert_eq!(state.error_message(), Some("m"));
        assert_eq!(state.issued_certificate_chain(), Some(vec!["AA==", "BB=="]));
        assert_eq!(state.substatus().expect("kept").as_str(), "somethingElse");
    }

    #[test]
    fn null_means_absent_and_falsy_payloads_are_payloads() {
        let nulls = state(json!({"payload": null, "etag": null, "issuedCertificateChain": null}));
        assert_eq!(nulls.payload(), None);
        assert_eq!(nulls.etag(), None);
        assert_eq!(nulls.issued_certificate_chain(), None);
        for payload in [json!(0), json!(false), json!(""), json!("ü"), json!([]), json!({})] {
            let state = state(json!({"payload": payload}));
            assert_eq!(state.payload(), Some(&payload));
        }
    }

    #[test]
    fn an_assignment_needs_a_hub_and_a_device_id_of_the_right_type() {
        let complete = json!({"assignedHub": "h", "deviceId": "d"});
        let assignment = Assignment::from_state(state(complete), Some("op".into())).expect("complete");
        assert_eq!(assignment.assigned_hub(), "h");
        assert_eq!(assignment.device_id(), "d");
        assert_eq!(assignment.operation_id(), Some("op"));
        for incomplete in [
            json!({}),
            json!({"assignedHub": "h"}),
            json!({"deviceId": "d"}),
            json!({"assignedHub": 1, "deviceId": "d"}),
            json!({"assignedHub": "h", "deviceId": null}),
            json!({"assignedHub": "", "deviceId": "d"}),
        ] {
            assert_eq!(Assignment::from_state(state(incomplete), None), None);
        }
    }
}

//! A valid enrollment: the one set of rules for the configuration, the REST API and programs.

use std::sync::Arc;

use serde_json::Value;

use super::{
    body::{AllocationPolicy, AttestationKind, Body, ProvisioningStatus, ReprovisionPolicy},
    invalid::Invalid,
    proof::Proof,
    reference::EnrollmentKind,
};
use crate::{identifiers::is_registration_id, webhook::parse_url};

/// The largest enrollment, in bytes of JSON.
const MAX_SIZE: usize = 128 * 1024;

/// An enrollment that is valid, with everything that was generated for it.
pub(crate) struct Terms {
    pub(super) body: Body,
    pub(super) proof: Proof,
    pub(super) allocation: Arc<Allocation>,
}

/// How an enrollment allocates its devices.
#[derive(Debug, Clone)]
pub(crate) struct Allocation {
    pub(crate) attestation: AttestationKind,
    pub(crate) group: Option<String>,
    pub(crate) is_enabled: bool,
    pub(crate) device_id: Option<String>,
    /// Those that may be chosen; empty for the emulator's.
    pub(crate) hubs: Vec<String>,
    pub(crate) policy: AllocationPolicy,
    pub(crate) reprovision: ReprovisionPolicy,
    pub(crate) webhook: Option<Webhook>,
    /// Whether it has a policy that issues certificates for signing requests.
    pub(crate) issues_certificates: bool,
}

/// The webhook of an enrollment with custom allocation.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    /// The enrollment, without its keys.
    pub(crate) enrollment: Value,
}

impl Body {
    /// Checks everything that does not need the emulator's CA.
    pub(crate) fn check(&self, kind: EnrollmentKind, id: &str) -> Result<(), Invalid> {
        Terms::new(kind, id, self.clone(), None).map(drop)
    }
}

impl Terms {
    /// Checks an enrollment, and adds the keys and the information that it lacks. Without the emulator's CA, its
    /// certificates are not checked.
    pub(super) fn new(
        kind: EnrollmentKind,
        id: &str,
        mut body: Body,
        own_ca_pem: Option<&str>,
    ) -> Result<Self, Invalid> {
        check_id(kind, id, &body)?;
        check_policy(&body)?;
        check_hubs(&body)?;
        check_objects(&body)?;
        let proof = Proof::read(&mut body.attestation, kind == EnrollmentKind::Group, own_ca_pem)?;
        check_size(&body)?;
        let allocation = Arc::new(Allocation::of(&body));
        Ok(Self {
            body,
            proof,
            allocation,
        })
    }

    /// The id as it was given.
    pub(crate) fn id(&self) -> &str {
        let ids = [&self.body.registration_id, &self.body.enrollment_group_id];
        ids.into_iter().flatten().next().map_or("", String::as_str)
    }

    /// The enrollment as the REST API shows it, without its keys.
    pub(crate) fn shown(&self) -> Value {
        shown(&self.body)
    }
}

impl Allocation {
    fn of(body: &Body) -> Self {
        let hubs = match (&body.iot_hubs, &body.iot_hub_host_name) {
            (Some(hubs), _) => hubs.clone(),
            (None, Some(hub)) => vec![hub.clone()],
            (None, None) => vec![],
        };
        let is_custom = body.allocation_policy == AllocationPolicy::Custom;
        let webhook = body.custom_allocation_definition.as_ref().filter(|_| is_custom);
        Self {
            attestation: body.attestation.kind,
            group: body.enrollment_group_id.clone(),
            is_enabled: body.provisioning_status == ProvisioningStatus::Enabled,
            device_id: body.device_id.clone(),
            hubs,
            policy: body.allocation_policy,
            reprovision: body.reprovision_policy,
            issues_certificates: body.certificate_policy_name.is_some(),
            webhook: webhook.map(|definition| Webhook {
                url: definition.webhook_url.clone(),
                enrollment: shown(body),
            }),
        }
    }
}

fn shown(body: &Body) -> Value {
    let mut shown = body.to_json();
    if let Some(attestation) = shown["attestation"].as_object_mut()
        && attestation.contains_key("symmetricKey")
    {
        attestation.insert("symmetricKey".to_owned(), Value::Object(Default::default()));
    }
    shown
}

fn check_size(body: &Body) -> Result<(), Invalid> {
    // JSON with text as keys can always be written.
    let size = serde_json::to_vec(body).unwrap_or_default().len();
    match size > MAX_SIZE {
        true => {
            let limit = MAX_SIZE / 1024;
            Err(Invalid::new(
                "The enrollment",
                format!("expected at most {limit} KiB of JSON, not {size} bytes"),
            ))
        }
        false => Ok(()),
    }
}

fn check_id(kind: EnrollmentKind, id: &str, body: &Body) -> Result<(), Invalid> {
    let (given, foreign) = match kind {
        EnrollmentKind::Individual => (
            &body.registration_id,
            &[("enrollmentGroupId", body.enrollment_group_id.is_some())][..],
        ),
        EnrollmentKind::Group => (
            &body.enrollment_group_id,
            &[
                ("registrationId", body.registration_id.is_some()),
                ("deviceId", body.device_id.is_some()),
            ][..],
        ),
    };
    let given = given
        .as_deref()
        .ok_or_else(|| Invalid::new(kind.id_field(), "is missing"))?;
    if !is_registration_id(given) {
        let expected = "expected 1 to 128 letters, digits, '-', '.', '_' or ':', not ending in the last three";
        return Err(Invalid::new(kind.id_field(), format!("{given:?}: {expected}")));
    }
    if !given.eq_ignore_ascii_case(id) {
        return Err(Invalid::new(
            kind.id_field(),
            format!("is {given:?}, and not {id:?} as in the path"),
        ));
    }
    match foreign.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Invalid::new(*name, "belongs to the other kind of enrollment")),
        None => Ok(()),
    }
}

/// Checks the references to the policy that issues certificates.
fn check_policy(body: &Body) -> Result<(), Invalid> {
    let references = [
        ("namespaceName", &body.namespace_name, 64),
        ("certificateAuthorityName", &body.certificate_authority_name, 63),
        ("certificatePolicyName", &body.certificate_policy_name, 63),
    ];
    let missing = references.iter().find(|(_, value, _)| value.is_none());
    if let Some((name, ..)) = missing
        && references.iter().any(|(_, value, _)| value.is_some())
    {
        let all = "expected all three of namespaceName, certificateAuthorityName and certificatePolicyName, or none";
        return Err(Invalid::new(*name, format!("is missing; {all}")));
    }
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    for (name, value, longest) in references {
        if let Some(value) = value
            && !((3..=longest).contains(&value.len()) && value.chars().all(is_allowed))
        {
            let expected = format!("expected 3 to {longest} lower-case letters, digits or '-', not {value:?}");
            return Err(Invalid::new(name, expected));
        }
    }
    Ok(())
}

fn check_hubs(body: &Body) -> Result<(), Invalid> {
    if body.iot_hubs.iter().flatten().any(String::is_empty) {
        return Err(Invalid::new(
            "iotHubs",
            "expected the host names of hubs, none of them empty",
        ));
    }
    if let Some(definition) = &body.custom_allocation_definition {
        let invalid = |message| Invalid::new("customAllocationDefinition.webhookUrl", message);
        parse_url(&definition.webhook_url).map_err(invalid)?;
    }
    if body.iot_hub_host_name.as_ref().is_some_and(String::is_empty) {
        return Err(Invalid::new("iotHubHostName", "expected the host name of a hub"));
    }
    Ok(())
}

fn check_objects(body: &Body) -> Result<(), Invalid> {
    let is_other = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_object());
    let objects = [
        ("initialTwin", is_other(&body.initial_twin)),
        ("capabilities", is_other(&body.capabilities)),
        ("optionalDeviceInformation", is_other(&body.optional_device_information)),
    ];
    match objects.iter().find(|(_, is_other)| *is_other) {
        Some((name, _)) => Err(Invalid::new(*name, "expected an object")),
        None => Ok(()),
    }
}

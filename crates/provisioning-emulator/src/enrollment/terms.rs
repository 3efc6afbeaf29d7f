//! A valid enrollment: the one set of rules for the configuration, the REST API and programs.

use serde_json::Value;

use super::{body::Body, invalid::Invalid, proof::Proof, reference::EnrollmentKind};
use crate::{identifiers::is_registration_id, webhook::parse_url};

/// An enrollment that is valid, with everything that was generated for it.
pub(super) struct Terms {
    pub(super) body: Body,
    pub(super) proof: Proof,
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
        Ok(Self { body, proof })
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

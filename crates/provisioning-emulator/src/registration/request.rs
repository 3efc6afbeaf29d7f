//! The body of a registration request.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

use crate::{identity::read_csr, refusal::Refusal};

/// The first api-version with certificate signing requests.
const FIRST_WITH_CSR: &str = "2025-07-01";

/// The first api-version with connection profiles.
const FIRST_WITH_PROFILE: &str = "2026-11-02";

/// A valid registration request.
pub(super) struct Request {
    /// As the device wrote it.
    pub(super) payload: Option<Box<RawValue>>,
    /// PKCS#10 in DER.
    pub(super) csr: Option<Vec<u8>>,
    /// Whether the answer has a connection profile.
    pub(super) with_profile: bool,
}

/// The members of a body.
type Members = BTreeMap<String, Box<RawValue>>;

/// The members of a request; the last is new in [`FIRST_WITH_CSR`]. `tpm` has no effect.
const MEMBERS: [&str; 4] = ["registrationId", "payload", "tpm", "csr"];

impl Request {
    /// Reads the body of a request of the device that is authenticated as `registration_id`. An empty body registers
    /// that device.
    pub(super) fn read(
        body: &[u8],
        registration_id: &str,
        api_version: &str,
        strict_csr: bool,
    ) -> Result<Self, Refusal> {
        let knows = |first: &str| api_version.get(..first.len()).is_some_and(|date| date >= first);
        let mut members = match body {
            [] => Members::new(),
            body => {
                let members = members(body, knows(FIRST_WITH_CSR))?;
                check_id(&members, registration_id)?;
                members
            }
        };
        let csr = members
            .get("csr")
            .map(|csr| decode_csr(csr, registration_id, strict_csr))
            .transpose()?;
        Ok(Self {
            csr,
            payload: members.remove("payload"),
            with_profile: knows(FIRST_WITH_PROFILE),
        })
    }

    /// The bytes that count towards the limit.
    pub(super) fn size(&self) -> usize {
        let payload = self.payload.as_ref().map_or(0, |payload| payload.get().len());
        payload + self.csr.as_ref().map_or(0, Vec::len)
    }
}

fn members(body: &[u8], knows_csr: bool) -> Result<Members, Refusal> {
    let invalid = |reason: String| Refusal::new(400, 400_012, format!("Deserialization error. {reason}"));
    let members: Members = serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => invalid("The body is not a JSON object.".to_owned()),
        false => invalid(format!("The body is not JSON: {error}.")),
    })?;
    let known = if knows_csr { &MEMBERS[..] } else { &MEMBERS[..3] };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(invalid(format!(
            "There is no member {unknown:?}; the members of this api-version are {}.",
            known.join(", ")
        ))),
        None => Ok(members),
    }
}

/// The text that a member is, if it is text.
fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn check_id(members: &Members, registration_id: &str) -> Result<(), Refusal> {
    match members.get("registrationId").and_then(|id| text(id)) {
        Some(id) if id.eq_ignore_ascii_case(registration_id) => Ok(()),
        _ => Err(Refusal::bad_request(
            "The registrationId is missing, or is not the registration id of the connection.",
        )),
    }
}

fn decode_csr(csr: &RawValue, registration_id: &str, strict: bool) -> Result<Vec<u8>, Refusal> {
    let decoded = text(csr).and_then(|text| STANDARD.decode(text).ok());
    let der = decoded.ok_or_else(|| Refusal::bad_request("The csr is not base64."))?;
    let csr = read_csr(&der, registration_id).map_err(Refusal::bad_request)?;
    if strict && !csr.has_p384_key() {
        return Err(Refusal::bad_request("The key of the csr is not EC P-384."));
    }
    Ok(der)
}

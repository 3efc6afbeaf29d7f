//! The body of a registration request.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::{identity::read_csr, refusal::Refusal};

/// The first api-version with certificate signing requests.
const FIRST_WITH_CSR: &str = "2025-07-01";

/// The first api-version with connection profiles.
const FIRST_WITH_PROFILE: &str = "2026-11-02";

/// A valid registration request.
pub(super) struct Request {
    pub(super) payload: Option<Value>,
    /// PKCS#10 in DER.
    pub(super) csr: Option<Vec<u8>>,
    /// Whether the answer has a connection profile.
    pub(super) with_profile: bool,
}

impl Request {
    /// Reads the body of a request of the device that is authenticated as `registration_id`.
    pub(super) fn read(body: &[u8], registration_id: &str, api_version: &str) -> Result<Self, Refusal> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(body) else {
            return Err(Refusal::bad_request("The body is not a JSON object."));
        };
        check_id(&members, registration_id)?;
        let knows = |first: &str| api_version.get(..first.len()).is_some_and(|date| date >= first);
        let csr = members.get("csr").filter(|_| knows(FIRST_WITH_CSR));
        Ok(Self {
            csr: csr.map(|csr| decode_csr(csr, registration_id)).transpose()?,
            payload: members.remove("payload"),
            with_profile: knows(FIRST_WITH_PROFILE),
        })
    }
}

fn check_id(members: &Map<String, Value>, registration_id: &str) -> Result<(), Refusal> {
    match members.get("registrationId").and_then(Value::as_str) {
        Some(id) if id.eq_ignore_ascii_case(registration_id) => Ok(()),
        _ => Err(Refusal::bad_request(
            "The registrationId is missing, or is not the registration id of the connection.",
        )),
    }
}

fn decode_csr(csr: &Value, registration_id: &str) -> Result<Vec<u8>, Refusal> {
    let decoded = csr.as_str().and_then(|text| STANDARD.decode(text).ok());
    let der = decoded.ok_or_else(|| Refusal::bad_request("The csr is not base64."))?;
    read_csr(&der, registration_id).map_err(Refusal::bad_request)?;
    Ok(der)
}

//! A registration request.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use crate::{
    endpoint::Endpoint,
    identity::{ApiVersion, IdScope, RegistrationId},
    invalid_input::InvalidInput,
    payload::Payload,
    signing_request::CsrDer,
};

/// A registration request: the id scope, the registration id, and the optional parts of the request.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationRequest {
    id_scope: IdScope,
    registration_id: RegistrationId,
    /// `None` for the version that the request needs.
    api_version: Option<ApiVersion>,
    payload: Option<Payload>,
    csr: Option<CsrDer>,
    endpoint: Option<Endpoint>,
    force_registration: bool,
    max_payload: usize,
}

/// The size of the largest message that the service accepts, in bytes.
const MAX_MESSAGE_SIZE: usize = 96 * 1024;

impl RegistrationRequest {
    /// A request without payload, to the transport's endpoint.
    pub fn new(id_scope: IdScope, registration_id: RegistrationId) -> Self {
        Self {
            id_scope,
            registration_id,
            api_version: None,
            payload: None,
            csr: None,
            endpoint: None,
            force_registration: false,
            max_payload: MAX_MESSAGE_SIZE,
        }
    }

    /// Sends `payload` to the enrollment's custom allocation webhook.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Payload>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Sets the size of the largest payload, in bytes. 96 KiB (98,304 bytes) by default, the largest message that the
    /// service accepts.
    #[must_use]
    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    /// Asks the service to issue a certificate, which arrives with the assignment. Selects the api-version
    /// `2026-11-01`, which a signing request needs, unless [`with_api_version`](Self::with_api_version) sets another.
    ///
    /// The common name of `csr` must be the registration id. `provisioning-credentials` checks this.
    #[must_use]
    pub fn with_csr(mut self, csr: CsrDer) -> Self {
        self.csr = Some(csr);
        self
    }

    /// Sets the api-version. Without it the request has [`ApiVersion::default`], or a later version if it needs one.
    #[must_use]
    pub fn with_api_version(mut self, version: ApiVersion) -> Self {
        self.api_version = Some(version);
        self
    }

    /// Sends the request to `endpoint` instead of the transport's endpoint.
    #[doc(alias = "uri")]
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Asks the service even if a stored assignment exists. This is not part of the protocol: a program that stores
    /// assignments reads it, transports ignore it.
    #[doc(alias = "forceRegistration")]
    #[must_use]
    pub fn with_force_registration(mut self, force: bool) -> Self {
        self.force_registration = force;
        self
    }

    /// The id scope.
    pub fn id_scope(&self) -> &IdScope {
        &self.id_scope
    }

    /// The registration id.
    pub fn registration_id(&self) -> &RegistrationId {
        &self.registration_id
    }

    /// The version of the interface.
    pub fn api_version(&self) -> ApiVersion {
        match (&self.api_version, &self.csr) {
            (Some(version), _) => version.clone(),
            (None, Some(_)) => ApiVersion::with_csr(),
            (None, None) => ApiVersion::default(),
        }
    }

    /// The certificate signing request.
    pub fn csr(&self) -> Option<&CsrDer> {
        self.csr.as_ref()
    }

    /// The payload.
    pub fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// Checks the size of the payload. A transport calls this before it connects.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `payload` when it is larger than [`with_max_payload`](Self::with_max_payload) allows.
    pub fn check_payload(&self) -> Result<(), InvalidInput> {
        let size = self.payload.as_ref().map_or(0, |payload| payload.as_json().len());
        if size > self.max_payload {
            let expected = format!("at most {} bytes", self.max_payload);
            return Err(InvalidInput::new("payload", expected).with_found(format!("{size} bytes long")));
        }
        Ok(())
    }

    /// The endpoint, when it differs from the transport's.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// Whether a stored assignment is not to be used.
    pub fn force_registration(&self) -> bool {
        self.force_registration
    }

    /// The body of the registration request: a JSON object with the registration id, and the payload and the CSR when
    /// there are any.
    pub fn body(&self) -> String {
        let body = Body {
            registration_id: self.registration_id.as_str(),
            payload: self.payload.as_ref(),
            csr: self.csr.as_ref().map(|csr| STANDARD.encode(csr.as_bytes())),
        };
        serde_json::to_string(&body).expect("strings and JSON text serialize to JSON")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csr: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RegistrationRequest {
        RegistrationRequest::new(
            IdScope::new("0ne1").expect("a scope"),
            RegistrationId::new("device-1").expect("an id"),
        )
    }

    #[test]
    fn the_api_version_is_the_one_that_what_is_asked_for_needs_unless_given() {
        assert_eq!(request().api_version().as_str(), "2019-03-31");
        let with_csr = request().with_csr(CsrDer::new(vec![48, 0]));
        assert_eq!(with_csr.api_version().as_str(), "2026-11-01");
        let given = ApiVersion::new("2026-11-02-preview").expect("a version");
        assert_eq!(with_csr.with_api_version(given.clone()).api_version(), given);
    }

    #[test]
    fn a_payload_that_the_service_does_not_take_is_refused() {
        let of_size = |size: usize| {
            request().with_payload(
                format!("\"{}\"", "a".repeat(size - 2))
                    .parse::<Payload>()
                    .expect("JSON"),
            )
        };
        assert_eq!(request().check_payload(), Ok(()));
        assert_eq!(of_size(98_304).check_payload(), Ok(()));
        let error = of_size(98_305).check_payload().expect_err("too large").to_string();
        assert!(
            error.contains("it is 98305 bytes long, expected at most 98304"),
            "{error}"
        );
        assert_eq!(of_size(98_305).with_max_payload(98_305).check_payload(), Ok(()));
        assert!(of_size(11).with_max_payload(10).check_payload().is_err());
    }

    #[test]
    fn the_body_has_the_payload_as_it_was_given_and_the_csr_in_base64() {
        assert_eq!(request().body(), r#"{"registrationId":"device-1"}"#);
        let payload: Payload = r#"{"z": 1.0, "a":[]}"#.parse().expect("JSON");
        let request = request().with_payload(payload).with_csr(CsrDer::new(vec![48, 0, 255]));
        assert_eq!(
            request.body(),
            r#"{"registrationId":"device-1","payload":{"z": 1.0, "a":[]},"csr":"MAD/"}"#
        );
    }
}

//! What a device asks for.

use serde_json::Value;

use crate::{ApiVersion, CertificateSigningRequest, Endpoint, IdScope, InvalidInput, RegistrationId, csr};

/// A request to be registered: who asks, in which id scope, and with what to say to the allocation webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationRequest {
    id_scope: IdScope,
    registration_id: RegistrationId,
    /// `None` for the one that what is asked for needs.
    api_version: Option<ApiVersion>,
    payload: Option<Value>,
    csr: Option<CertificateSigningRequest>,
    endpoint: Option<Endpoint>,
    force_registration: bool,
}

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
        }
    }

    /// Sends `payload`, any JSON value, to the enrollment's custom allocation webhook.
    #[must_use]
    pub fn with_payload(mut self, payload: Value) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Asks for a certificate too (a preview of the service): it comes with the assignment, see
    /// [`IssuedChain`](crate::IssuedChain). The interface's version that this needs is chosen unless one is given.
    ///
    /// # Errors
    /// [`InvalidInput`] when the request's common name is not the registration id (compared without case).
    pub fn with_csr(mut self, request: CertificateSigningRequest) -> Result<Self, InvalidInput> {
        let name = request.common_name().unwrap_or_default();
        if !name.eq_ignore_ascii_case(self.registration_id.as_str()) {
            let expected = format!("the registration id {} as its common name", self.registration_id);
            return Err(csr::invalid(expected).with_given(name));
        }
        self.csr = Some(request);
        Ok(self)
    }

    /// Speaks this version of the service's interface: otherwise [`ApiVersion::default`], or a later one if what is
    /// asked for needs it.
    #[must_use]
    pub fn with_api_version(mut self, version: ApiVersion) -> Self {
        self.api_version = Some(version);
        self
    }

    /// Goes to `endpoint` rather than to the transport's.
    #[doc(alias = "uri")]
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Asks the service even though a stored assignment exists. The protocol has no field for it: whoever keeps
    /// assignments heeds it, the transports do not.
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
    pub fn csr(&self) -> Option<&CertificateSigningRequest> {
        self.csr.as_ref()
    }

    /// The payload.
    pub fn payload(&self) -> Option<&Value> {
        self.payload.as_ref()
    }

    /// The endpoint, when it differs from the transport's.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// Whether a stored assignment is to be passed over.
    pub fn force_registration(&self) -> bool {
        self.force_registration
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn csr(common_name: &str) -> CertificateSigningRequest {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let request = params.serialize_request(&KeyPair::generate().expect("a key"));
        CertificateSigningRequest::from_der(request.expect("a request").der().to_vec()).expect("a request")
    }

    fn request() -> RegistrationRequest {
        RegistrationRequest::new(
            IdScope::new("0ne1").expect("a scope"),
            RegistrationId::new("device-1").expect("an id"),
        )
    }

    #[test]
    fn the_api_version_is_the_one_that_what_is_asked_for_needs_unless_given() {
        assert_eq!(request().api_version().as_str(), "2019-03-31");
        let with_csr = request().with_csr(csr("Device-1")).expect("the same name");
        assert_eq!(with_csr.api_version().as_str(), "2025-07-01-preview");
        let given = ApiVersion::new("2026-11-02-preview").expect("a version");
        assert_eq!(with_csr.with_api_version(given.clone()).api_version(), given);
    }

    #[test]
    fn a_csr_for_another_name_is_refused() {
        let error = request()
            .with_csr(csr("device-2"))
            .expect_err("another device's")
            .to_string();
        assert!(
            error.starts_with("certificate signing request \"device-2\" cannot be used"),
            "{error}"
        );
        assert!(error.contains("device-1"), "{error}");
    }
}

//! What a device asks for.

use serde_json::Value;

use crate::{ApiVersion, Endpoint, IdScope, RegistrationId};

/// A request to be registered: who asks, in which id scope, and with what to say to the allocation webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationRequest {
    id_scope: IdScope,
    registration_id: RegistrationId,
    api_version: ApiVersion,
    payload: Option<Value>,
    endpoint: Option<Endpoint>,
    force_registration: bool,
}

impl RegistrationRequest {
    /// A request without payload, to the transport's endpoint.
    pub fn new(id_scope: IdScope, registration_id: RegistrationId) -> Self {
        Self {
            id_scope,
            registration_id,
            api_version: ApiVersion::default(),
            payload: None,
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

    /// Speaks another version of the service's interface than [`ApiVersion::default`].
    #[must_use]
    pub fn with_api_version(mut self, version: ApiVersion) -> Self {
        self.api_version = version;
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
    pub fn api_version(&self) -> &ApiVersion {
        &self.api_version
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

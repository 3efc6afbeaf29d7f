//! Registration requests.

use provisioning_types::{IdScope, RegistrationId, RegistrationRequest};

/// The id scope of [`request_of`].
pub const ID_SCOPE: &str = "0ne00A1B2C3";

/// Returns the request of a device, with nothing in it that is optional.
pub fn request_of(registration_id: &str) -> RegistrationRequest {
    request_in(ID_SCOPE, registration_id)
}

/// Returns the request of a device in an id scope.
pub(crate) fn request_in(id_scope: &str, registration_id: &str) -> RegistrationRequest {
    RegistrationRequest::new(
        IdScope::new(id_scope).expect("an id scope"),
        RegistrationId::new(registration_id).expect("a registration id"),
    )
}

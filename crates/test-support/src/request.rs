//! Registration requests without optional parts.

use provisioning_types::RegistrationRequest;

/// Returns the request of a device.
pub fn request_of(registration_id: &str) -> RegistrationRequest {
    request_in("0ne00A1B2C3", registration_id)
}

/// Returns the request of a device in an id scope.
pub(crate) fn request_in(id_scope: &str, registration_id: &str) -> RegistrationRequest {
    let (id_scope, id) = (id_scope.parse(), registration_id.parse());
    RegistrationRequest::new(id_scope.expect("an id scope"), id.expect("a registration id"))
}

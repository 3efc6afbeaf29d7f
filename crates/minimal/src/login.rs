//! What CONNECT says.

/// What the device is, and what it proves that with when it is not its certificate.
#[derive(Debug, Clone)]
pub struct Login {
    /// The registration id, which is the client id.
    pub registration_id: String,
    /// The id scope.
    pub id_scope: String,
    /// A SAS token; empty with a certificate.
    pub password: String,
}

impl Login {
    pub(crate) fn user_name(&self) -> String {
        format!(
            "{}/registrations/{}/api-version=2019-03-31&ClientVersion=provisioning-device-rust%2F0.1.0",
            self.id_scope, self.registration_id
        )
    }
}

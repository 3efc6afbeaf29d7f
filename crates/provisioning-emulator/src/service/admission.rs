//! Admission of a device, over MQTT and over HTTPS.

use super::Service;
use crate::{
    enrollment::{EnrollmentRef, Presented},
    identifiers::is_registration_id,
    net::Peer,
};

impl Service {
    /// The enrollment that admits the device with its client certificate or its token, or the reason of the refusal.
    pub(crate) fn admit(
        &self,
        peer: &Peer,
        id_scope: &str,
        registration_id: &str,
        token: Option<&str>,
    ) -> Result<EnrollmentRef, &'static str> {
        if id_scope != self.id_scope {
            return Err("the id scope is not this service's");
        }
        if !is_registration_id(registration_id) {
            return Err("the registration id is not valid");
        }
        let former_group = self.registry.group_of(registration_id);
        let is_device = |name: &str| name.eq_ignore_ascii_case(registration_id);
        let presented = match (peer, token) {
            (Peer::Certificate { common_name, chain }, None) if common_name.as_deref().is_some_and(is_device) => {
                Presented::Certificates(chain)
            }
            (Peer::Certificate { .. }, None) => return Err("the certificate's common name is not the registration id"),
            (Peer::Certificate { .. }, Some(_)) => return Err("a token beside a certificate"),
            (Peer::Trusted, None) => Presented::Nothing,
            (Peer::Anonymous, None) => return Err("neither a client certificate nor a token"),
            (Peer::Anonymous | Peer::Trusted, Some(text)) => Presented::Token {
                text,
                id_scope,
                former_group: former_group.as_deref(),
            },
        };
        self.enrollments.admit(registration_id, presented)
    }
}

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
    ) -> Result<EnrollmentRef, String> {
        if id_scope != self.id_scope {
            let own = &self.id_scope;
            return Err(format!(
                "the id scope {id_scope:?} is not the emulator's, which is {own:?}"
            ));
        }
        if !is_registration_id(registration_id) {
            return Err(format!("the registration id {registration_id:?} is not valid"));
        }
        let former_group = self.registry.group_of(registration_id);
        let is_device = |name: &str| name.eq_ignore_ascii_case(registration_id);
        let presented = match (peer, token) {
            (Peer::Certificate { common_name, chain }, None) if common_name.as_deref().is_some_and(is_device) => {
                Presented::Certificates(chain)
            }
            (Peer::Certificate { common_name, .. }, None) => {
                return Err(other_name(common_name.as_deref(), registration_id));
            }
            (Peer::Certificate { .. }, Some(_)) => {
                return Err(
                    "the device has a client certificate and a token; the service takes one of them".to_owned(),
                );
            }
            (Peer::Trusted, None) => Presented::Nothing,
            (Peer::Anonymous, None) => {
                return Err(
                    "the device has neither a client certificate nor a token (over MQTT its password)".to_owned(),
                );
            }
            (Peer::Anonymous | Peer::Trusted, Some(text)) => Presented::Token {
                text,
                id_scope,
                former_group: former_group.as_deref(),
            },
        };
        self.enrollments.admit(registration_id, presented)
    }
}

fn other_name(common_name: Option<&str>, registration_id: &str) -> String {
    match common_name {
        Some(name) => {
            format!(
                "the common name of the client certificate is {name:?}, not the registration id {registration_id:?}"
            )
        }
        None => format!(
            "the client certificate has no common name; expected one that is the registration id {registration_id:?}"
        ),
    }
}

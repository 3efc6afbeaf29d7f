//! Admission: the checks of CONNECT.

use rumqttc::{Connect, ConnectReturnCode};

use super::topic::UserName;
use crate::{
    enrollment::{EnrollmentRef, Presented},
    net::Peer,
    service::Service,
};

/// A device that has been admitted.
pub(super) struct Admitted {
    /// The client id.
    pub(super) registration_id: String,
    pub(super) enrollment: EnrollmentRef,
    pub(super) api_version: String,
}

/// Admits a device, or returns the refusal and its reason.
pub(super) fn admit(
    connect: Connect,
    peer: &Peer,
    service: &Service,
) -> Result<Admitted, (ConnectReturnCode, &'static str)> {
    use ConnectReturnCode::{BadUserNamePassword, NotAuthorized};
    if connect.last_will.is_some() {
        return Err((NotAuthorized, "a will is not taken"));
    }
    let login = connect.login.ok_or((BadUserNamePassword, "no user name"))?;
    let user = UserName::parse(&login.username).ok_or((BadUserNamePassword, "the user name has another form"))?;
    let refused = |reason| (NotAuthorized, reason);
    if user.id_scope != service.id_scope {
        return Err(refused("the id scope is not this service's"));
    }
    let is_user = |name: &str| name.eq_ignore_ascii_case(user.registration_id);
    if !is_user(&connect.client_id) {
        return Err(refused("the client id is not the registration id"));
    }
    let presented = match (peer, login.password.as_str()) {
        (Peer::Certificate { common_name, chain }, "") if common_name.as_deref().is_some_and(is_user) => {
            Presented::Certificates(chain)
        }
        (Peer::Certificate { .. }, "") => {
            return Err(refused("the certificate's common name is not the registration id"));
        }
        (Peer::Certificate { .. }, _) => return Err(refused("a password beside a certificate")),
        (Peer::Trusted, "") => Presented::Nothing,
        (Peer::Anonymous, "") => return Err(refused("neither a client certificate nor a password")),
        (Peer::Anonymous | Peer::Trusted, text) => Presented::Token {
            text,
            id_scope: user.id_scope,
        },
    };
    let enrollment = service.enrollments.admit(user.registration_id, presented);
    Ok(Admitted {
        enrollment: enrollment.map_err(refused)?,
        api_version: user.api_version.to_owned(),
        registration_id: connect.client_id,
    })
}

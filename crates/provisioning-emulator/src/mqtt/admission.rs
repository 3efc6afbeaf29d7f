//! Admission: the checks of CONNECT.

use rumqttc::{Connect, ConnectReturnCode};

use super::topic::UserName;
use crate::{enrollment::EnrollmentRef, net::Peer, service::Service};

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
    if !connect.client_id.eq_ignore_ascii_case(user.registration_id) {
        return Err(refused("the client id is not the registration id"));
    }
    let token = Some(login.password.as_str()).filter(|password| !password.is_empty());
    let enrollment = service.admit(peer, user.id_scope, user.registration_id, token);
    Ok(Admitted {
        enrollment: enrollment.map_err(refused)?,
        api_version: user.api_version.to_owned(),
        registration_id: connect.client_id,
    })
}

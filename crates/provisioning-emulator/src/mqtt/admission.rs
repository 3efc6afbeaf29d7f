//! Admission: the checks of CONNECT.

use rumqttc::{Connect, ConnectReturnCode};

use super::topic::{USER_NAME, UserName};
use crate::{enrollment::EnrollmentRef, net::Peer, service::Service};

/// A device that has been admitted.
pub(super) struct Admitted {
    /// The client id.
    pub(super) registration_id: String,
    pub(super) enrollment: EnrollmentRef,
    pub(super) api_version: String,
}

/// Admits a device, or returns the refusal and its reason.
pub(super) fn admit(connect: Connect, peer: &Peer, service: &Service) -> Result<Admitted, (ConnectReturnCode, String)> {
    use ConnectReturnCode::{BadUserNamePassword, NotAuthorized};
    let refused = |reason| (NotAuthorized, reason);
    let bad_user_name = |reason| (BadUserNamePassword, reason);
    if connect.last_will.is_some() {
        return Err(refused(
            "CONNECT has a will, which the service does not take".to_owned(),
        ));
    }
    let Some(login) = connect.login else {
        return Err(bad_user_name(format!("CONNECT has no user name; expected {USER_NAME}")));
    };
    let Some(user) = UserName::parse(&login.username) else {
        let reason = format!("the user name {:?} does not have the form {USER_NAME}", login.username);
        return Err(bad_user_name(reason));
    };
    if !connect.client_id.eq_ignore_ascii_case(user.registration_id) {
        return Err(refused(format!(
            "the client id {:?} is not the registration id {:?} of the user name",
            connect.client_id, user.registration_id
        )));
    }
    let token = Some(login.password.as_str()).filter(|password| !password.is_empty());
    let enrollment = service.admit(peer, user.id_scope, user.registration_id, token);
    Ok(Admitted {
        enrollment: enrollment.map_err(refused)?,
        api_version: user.api_version.to_owned(),
        registration_id: connect.client_id,
    })
}

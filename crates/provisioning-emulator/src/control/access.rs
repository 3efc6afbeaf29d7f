//! Who may call: whoever signs with the control key.

use super::answers::refused;
use crate::{
    http::{self, Call, header, without_port},
    keys::{Key, Token},
    refused::Refused,
};

/// The name of the only policy there is; the service has one of this name that may do everything.
const POLICY: &str = "provisioningserviceowner";

/// What service SDKs take; the port is left out where it is HTTPS's own.
pub(crate) fn connection_string(host: &str, port: u16, key: &Key) -> String {
    let port = match port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let key = key.to_base64();
    format!("HostName={host}{port};SharedAccessKeyName={POLICY};SharedAccessKey={key}")
}

/// Checks the call's token: its policy, its resource (the host that is called), its expiry and its signature.
pub(super) fn check(call: &Call, key: &Key) -> Result<(), Refused> {
    let verdict = match header(call, "authorization").map(Token::parse) {
        None => Err("the Authorization header is missing"),
        Some(None) => Err("the Authorization header holds no SharedAccessSignature"),
        Some(Some(token)) if token.policy() != Some(POLICY) => Err("the token is not for provisioningserviceowner"),
        Some(Some(token)) if !is_called(call, &token.resource()) => Err("the token is for another host"),
        Some(Some(token)) => token.verify(std::slice::from_ref(key)),
    };
    verdict.map_err(|reason| refused(401, 401_002, format!("Unauthorized: {reason}.")))
}

/// Whether the call is to the host that a token is for; the port does not count.
fn is_called(call: &Call, resource: &str) -> bool {
    http::host(call).is_some_and(|host| host.eq_ignore_ascii_case(without_port(resource)))
}

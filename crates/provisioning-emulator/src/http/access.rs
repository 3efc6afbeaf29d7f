//! Access to the control endpoint: calls are signed with its key.

use super::server::{self, Head, header, without_port};
use crate::{
    identity::{Key, Token},
    refusal::Refusal,
};

/// The name of the policy. The service's policy of this name has all permissions.
const POLICY: &str = "provisioningserviceowner";

/// The connection string for service SDKs, without the port if it is 443.
pub(crate) fn connection_string(host: &str, port: u16, key: &Key) -> String {
    let port = match port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let key = key.to_base64();
    format!("HostName={host}{port};SharedAccessKeyName={POLICY};SharedAccessKey={key}")
}

/// Checks a call's token: its policy, its resource (the host that is called), its expiry and its signature.
pub(super) fn check(head: &Head, key: &Key) -> Result<(), Refusal> {
    let verdict = match header(head, "authorization").map(Token::parse) {
        None => Err("the Authorization header is missing"),
        Some(None) => Err("the Authorization header holds no SharedAccessSignature"),
        Some(Some(token)) if token.policy() != Some(POLICY) => Err("the token is not for provisioningserviceowner"),
        Some(Some(token)) if !is_called(head, &token.resource()) => Err("the token is for another host"),
        Some(Some(token)) => token
            .check_expiry()
            .and_then(|()| token.check_signature(std::slice::from_ref(key))),
    };
    verdict.map_err(|reason| Refusal::new(401, 401_002, format!("Unauthorized: {reason}.")))
}

/// Whether the token is for the host that is called. The port is ignored.
fn is_called(head: &Head, resource: &str) -> bool {
    server::host(head).is_some_and(|host| host.eq_ignore_ascii_case(without_port(resource)))
}

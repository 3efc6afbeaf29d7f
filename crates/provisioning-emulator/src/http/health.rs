//! `/health`: whether the emulator serves calls, for programs that wait for it. It needs no authorization and shows no
//! secret.

use hyper::Method;
use serde_json::json;

use super::server::{self, Head, Reply};
use crate::service::Service;

/// Whether a call is for the path.
pub(super) fn is_for(head: &Head) -> bool {
    head.uri().path().trim_end_matches('/').eq_ignore_ascii_case("/health")
}

/// Whether the path has this method.
pub(super) fn has(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The reply: the id scope, and which run of the emulator it is.
pub(super) fn reply(service: &Service) -> Reply {
    let health = json!({"status": "ok", "idScope": service.id_scope, "run": service.run});
    server::json(200, &health)
}

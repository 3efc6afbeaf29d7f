//! The error bodies of the service, for MQTT and HTTP alike.

use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::server::{self, Reply};
use crate::{
    identifiers::{now, uuid},
    refusal::Refusal,
};

/// The body of an answer that refuses a request.
pub(crate) fn error_body(refusal: &Refusal) -> Value {
    json!({
        "errorCode": refusal.error_code,
        "trackingId": uuid(),
        "message": refusal.message,
        "timestampUtc": now(),
    })
}

/// The reply that refuses a call.
pub(super) fn refuse(refusal: &Refusal) -> Reply {
    let mut reply = server::json(refusal.status, &error_body(refusal));
    if refusal.status == 401 {
        let scheme = HeaderValue::from_static("SharedAccessSignature");
        reply.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    reply
}

//! The error bodies of the service, for MQTT and HTTP alike.

use hyper::{
    Method,
    header::{ALLOW, HeaderValue, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};

use super::server::{self, Refused, Reply};
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

/// Why a call is refused, as the body of the reply says it.
#[derive(Clone)]
struct Message(String);

/// Why this reply refuses a call, for the log.
pub(super) fn message(reply: &Reply) -> Option<String> {
    reply.extensions().get().map(|Message(text)| text.clone())
}

/// A reply that refuses a call for this reason.
pub(super) fn with_message(mut reply: Reply, message: impl Into<String>) -> Reply {
    reply.extensions_mut().insert(Message(message.into()));
    reply
}

/// The reply that refuses a call.
pub(super) fn refuse(refusal: &Refusal) -> Reply {
    let mut reply = with_message(server::json(refusal.status, &error_body(refusal)), &refusal.message);
    if refusal.status == 401 {
        let scheme = HeaderValue::from_static("SharedAccessSignature");
        reply.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    reply
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(refuse(&refusal))
    }
}

/// The last bytes of a connection that is refused outside of a call: an HTTP response with an error body.
pub(crate) fn last_answer(refusal: &Refusal) -> Vec<u8> {
    let body = error_body(refusal).to_string();
    server::encoded(&refuse(refusal), body.as_bytes())
}

/// The reply to a call that does not exist: 405 if the path exists with another method, else 404 with this message.
pub(super) fn not_found(exists: impl Fn(&Method) -> bool, message: &str) -> Refused {
    let methods = [Method::DELETE, Method::GET, Method::HEAD, Method::POST, Method::PUT];
    let allowed: Vec<_> = methods
        .iter()
        .filter(|method| exists(method))
        .map(Method::as_str)
        .collect();
    if allowed.is_empty() {
        return Refusal::new(404, 404_001, message).into();
    }
    let allowed = allowed.join(", ");
    let mut reply = Refused::from(Refusal::new(405, 405_001, format!("This path takes {allowed}.")));
    let allowed = HeaderValue::try_from(allowed).expect("names of methods");
    reply.headers_mut().insert(ALLOW, allowed);
    reply
}

//! What replies look like that carry nothing of the service's: refusals above all.

use hyper::{
    StatusCode,
    header::{ALLOW, HeaderValue, WWW_AUTHENTICATE},
};

use crate::{
    http::{self, Reply},
    refused::Refused,
    registry,
};

/// The reply to a call that is refused, in the service's shape.
pub(super) fn refusal(refused: &Refused) -> Reply {
    let body = registry::refusal(refused.status, refused.error_code, &refused.message).body;
    let mut reply = http::json(refused.status, &body);
    if refused.status == 401 {
        let scheme = HeaderValue::from_static("SharedAccessSignature");
        reply.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    reply
}

/// The reply to a call whose path takes only these methods.
pub(super) fn method_not_allowed(methods: &'static str) -> Reply {
    let mut reply = refusal(&refused(405, 405_001, format!("This path takes {methods}.")));
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    reply
}

/// The reply to what was done and has nothing to tell.
pub(super) fn gone() -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// There is no such path.
pub(super) fn no_such_path() -> Refused {
    refused(404, 404_001, "There is no such path.")
}

/// The call itself is wrong.
pub(super) fn bad_request(message: impl Into<String>) -> Refused {
    refused(400, 400_004, message)
}

pub(super) fn refused(status: u16, error_code: u32, message: impl Into<String>) -> Refused {
    Refused {
        status,
        error_code,
        message: message.into(),
    }
}

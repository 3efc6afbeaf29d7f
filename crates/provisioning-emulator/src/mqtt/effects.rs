//! The effects of faults on answers.

use serde_json::json;

use crate::{faults::Effect, http, refusal::Refusal};

/// An answer: what its topic and its body have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// As the request's topic had it.
    pub(crate) request_id: String,
    /// The rest of the topic.
    pub(crate) retry_after: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn topic(&self) -> String {
        let Self {
            status,
            request_id,
            retry_after,
            ..
        } = self;
        format!("$dps/registrations/res/{status}/?$rid={request_id}{retry_after}")
    }
}

/// The answer instead of `right`, and whether the right answer follows; `None` if the effect does not change the
/// content of an answer. `foreign` is another device's request id.
pub(crate) fn wrong_answer(effect: &Effect, right: &Response, foreign: Option<String>) -> Option<(Response, bool)> {
    let other = || format!("{}0", right.request_id);
    let (request_id, beside) = match effect {
        Effect::WrongRequestId { request_id, beside } => (request_id.clone().unwrap_or_else(other), *beside),
        Effect::ForeignRequestId { beside } => (foreign.unwrap_or_else(other), *beside),
        _ => (right.request_id.clone(), false),
    };
    let wrong = Response {
        request_id,
        ..right.clone()
    };
    let wrong = match effect {
        Effect::WrongRequestId { .. } | Effect::ForeignRequestId { .. } => wrong,
        Effect::Refuse { code, retry_after } => {
            let status = code.unwrap_or(503);
            let refusal = Refusal::new(status, u32::from(status) * 1000, "Refused by a fault.");
            Response {
                status,
                retry_after: retry_after.map_or_else(String::new, |seconds| format!("&retry-after={seconds}")),
                body: http::error_body(&refusal).to_string().into(),
                ..wrong
            }
        }
        Effect::Assigning => Response {
            status: 202,
            body: assigning(&right.body),
            ..wrong
        },
        Effect::Body(body) => Response {
            body: body.clone().into(),
            ..wrong
        },
        Effect::TruncatedBody => Response {
            body: right.body[..right.body.len() / 2].to_vec(),
            ..wrong
        },
        Effect::OversizedBody { size } => {
            let mut body = right.body.clone();
            body.resize(body.len().max(*size), b' ');
            Response { body, ..wrong }
        }
        _ => return None,
    };
    Some((wrong, beside))
}

/// A body that says `assigning`, for the operation that `body` is about.
fn assigning(body: &[u8]) -> Vec<u8> {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let operation_id = body["operationId"].as_str().unwrap_or("4.0");
    json!({"operationId": operation_id, "status": "assigning"})
        .to_string()
        .into()
}

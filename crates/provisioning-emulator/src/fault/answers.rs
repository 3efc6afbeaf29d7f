//! Answers that are not what they should be.

use serde_json::json;

use super::Effect;
use crate::registry::refusal;

/// An answer as its topic and its body say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// As the request's topic had it.
    pub(crate) request_id: String,
    /// The rest of the topic.
    pub(crate) retry_after: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
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

/// What is answered instead of `right`, and whether the right answer follows; nothing when the effect leaves an
/// answer's words alone. `foreign` is another device's request id.
pub(crate) fn wrong_answer(effect: &Effect, right: &Reply, foreign: Option<String>) -> Option<(Reply, bool)> {
    let made_up = || format!("{}0", right.request_id);
    let (request_id, beside) = match effect {
        Effect::WrongRequestId { request_id, beside } => (request_id.clone().unwrap_or_else(made_up), *beside),
        Effect::ForeignRequestId { beside } => (foreign.unwrap_or_else(made_up), *beside),
        _ => (right.request_id.clone(), false),
    };
    let wrong = Reply {
        request_id,
        ..right.clone()
    };
    let wrong = match effect {
        Effect::WrongRequestId { .. } | Effect::ForeignRequestId { .. } => wrong,
        Effect::Refuse { code, retry_after } => {
            let status = code.unwrap_or(503);
            let refusal = refusal(status, u32::from(status) * 1000, "Refused by a fault.");
            Reply {
                status,
                retry_after: retry_after.map_or_else(String::new, |seconds| format!("&retry-after={seconds}")),
                body: refusal.body.to_string().into(),
                ..wrong
            }
        }
        Effect::Assigning => Reply {
            status: 202,
            body: assigning(&right.body),
            ..wrong
        },
        Effect::Body(body) => Reply {
            body: body.clone().into(),
            ..wrong
        },
        Effect::TruncatedBody => Reply {
            body: right.body[..right.body.len() / 2].to_vec(),
            ..wrong
        },
        Effect::OversizedBody { size } => {
            let mut body = right.body.clone();
            body.resize(body.len().max(*size), b' ');
            Reply { body, ..wrong }
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

//! The answers of the service over MQTT, and the effects of faults on them.

use crate::{faults::Effect, http::Content};

/// An answer: what its topic and its body have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    /// As the topic of the request had it.
    pub(super) request_id: String,
    pub(super) content: Content,
}

impl Response {
    pub(super) fn topic(&self) -> String {
        let Self { request_id, content } = self;
        let retry_after = content.retry_after.value();
        let retry_after = retry_after.map_or_else(String::new, |value| format!("&retry-after={value}"));
        format!(
            "$dps/registrations/res/{}/?$rid={request_id}{retry_after}",
            content.status
        )
    }
}

/// The answer instead of `right`, and whether the right answer follows; `None` if the effect does not change an answer.
/// `foreign` is another device's request id.
pub(super) fn wrong_answer(effect: &Effect, right: &Response, foreign: Option<String>) -> Option<(Response, bool)> {
    let other = || format!("{}0", right.request_id);
    let with_request_id = |request_id| Response {
        request_id,
        ..right.clone()
    };
    match effect {
        Effect::WrongRequestId { request_id, beside } => {
            Some((with_request_id(request_id.clone().unwrap_or_else(other)), *beside))
        }
        Effect::ForeignRequestId { beside } => Some((with_request_id(foreign.unwrap_or_else(other)), *beside)),
        effect => {
            let content = right.content.changed_by(effect)?;
            let request_id = right.request_id.clone();
            Some((Response { request_id, content }, false))
        }
    }
}

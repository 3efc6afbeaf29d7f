//! The content of an answer to a device, and the effects of faults on it.

use bytes::Bytes;
use serde_json::json;

use super::error::error_body;
use crate::{
    faults::{Effect, Step},
    refusal::Refusal,
    registration::Answer,
    retry_after::RetryAfter,
};

/// The content of an answer, over MQTT and over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) status: u16,
    pub(crate) retry_after: RetryAfter,
    /// The operation that it is about, if any.
    operation_id: Option<String>,
    pub(crate) body: Bytes,
    /// Why the request is refused, for the log.
    pub(crate) reason: Option<String>,
}

impl From<Result<Answer, Refusal>> for Content {
    fn from(result: Result<Answer, Refusal>) -> Self {
        match result {
            Ok(answer) => Self {
                status: answer.status,
                retry_after: answer.retry_after,
                operation_id: answer.operation_id,
                body: answer.body,
                reason: None,
            },
            Err(refusal) => {
                let body = error_body(&refusal).to_string();
                Self {
                    retry_after: refusal.retry_after,
                    reason: Some(refusal.message),
                    ..Self::refused(refusal.status, body.as_bytes())
                }
            }
        }
    }
}

impl Content {
    /// A refusal with this body.
    pub(super) fn refused(status: u16, body: &[u8]) -> Self {
        Self {
            status,
            retry_after: RetryAfter::Absent,
            operation_id: None,
            body: Bytes::copy_from_slice(body),
            reason: None,
        }
    }

    /// This content as the effect changes it; `None` if the effect does not change content.
    pub(crate) fn changed_by(&self, effect: &Effect) -> Option<Self> {
        let right = self.clone();
        Some(match effect {
            Effect::Refuse { code, retry_after } => Self::from(Err(Refusal {
                retry_after: retry_after.map_or(RetryAfter::Absent, RetryAfter::Seconds),
                ..Refusal::by_fault(code.unwrap_or(503), Step::Answer)
            })),
            Effect::Assigning => Self {
                status: 202,
                body: self.assigning().into(),
                ..right
            },
            Effect::Body(body) => Self {
                body: body.clone().into(),
                ..right
            },
            Effect::TruncatedBody => Self {
                body: self.body.slice(..self.body.len() / 2),
                ..right
            },
            Effect::OversizedBody { size } => {
                let mut body = right.body.to_vec();
                body.resize(body.len().max(*size), b' ');
                let body = body.into();
                Self { body, ..right }
            }
            _ => return None,
        })
    }

    /// A body that says `assigning`, for the same operation.
    fn assigning(&self) -> Vec<u8> {
        let operation_id = self.operation_id.as_deref().unwrap_or("4.0");
        json!({"operationId": operation_id, "status": "assigning"})
            .to_string()
            .into()
    }
}

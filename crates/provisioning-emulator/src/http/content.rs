//! The content of an answer to a device, and the effects of faults on it.

use serde::Deserialize;
use serde_json::json;

use super::error::error_body;
use crate::{faults::Effect, refusal::Refusal, registration::Answer, retry_after::RetryAfter};

/// The content of an answer, over MQTT and over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) status: u16,
    pub(crate) retry_after: RetryAfter,
    pub(crate) body: Vec<u8>,
}

/// What a body about an operation has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfOperation {
    operation_id: String,
}

impl From<Result<Answer, Refusal>> for Content {
    fn from(result: Result<Answer, Refusal>) -> Self {
        match result {
            Ok(answer) => Self {
                status: answer.status,
                retry_after: answer.retry_after,
                body: answer.body.into(),
            },
            Err(refusal) => Self {
                status: refusal.status,
                body: error_body(&refusal).to_string().into(),
                retry_after: refusal.retry_after,
            },
        }
    }
}

impl Content {
    /// This content as the effect changes it; `None` if the effect does not change content.
    pub(crate) fn changed_by(&self, effect: &Effect) -> Option<Self> {
        let right = self.clone();
        Some(match effect {
            Effect::Refuse { code, retry_after } => {
                let status = code.unwrap_or(503);
                let refusal = Refusal::new(status, u32::from(status) * 1000, "Refused by a fault.");
                Self::from(Err(Refusal {
                    retry_after: retry_after.map_or(RetryAfter::Absent, RetryAfter::Seconds),
                    ..refusal
                }))
            }
            Effect::Assigning => Self {
                status: 202,
                body: self.assigning(),
                ..right
            },
            Effect::Body(body) => Self {
                body: body.clone().into(),
                ..right
            },
            Effect::TruncatedBody => Self {
                body: self.body[..self.body.len() / 2].to_vec(),
                ..right
            },
            Effect::OversizedBody { size } => {
                let mut body = right.body;
                body.resize(body.len().max(*size), b' ');
                Self { body, ..right }
            }
            _ => return None,
        })
    }

    /// A body that says `assigning`, for the same operation.
    fn assigning(&self) -> Vec<u8> {
        let body: Option<OfOperation> = serde_json::from_slice(&self.body).ok();
        let operation_id = body.map_or("4.0".to_owned(), |body| body.operation_id);
        json!({"operationId": operation_id, "status": "assigning"})
            .to_string()
            .into()
    }
}

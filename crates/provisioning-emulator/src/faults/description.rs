//! A fault as it is written in a configuration and over HTTP.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use serde_json::Value;

use super::{
    effect::{Cut, Effect},
    error::FaultError,
    fault::Fault,
    step::Step,
};
use crate::retry_after::RetryAfter;

/// The default time between two pieces, enough for a packet of its own for each.
const PAUSE: Duration = Duration::from_millis(1);

/// The default size of an oversized body, more than devices accept.
const OVERSIZE: usize = 2 * 1024 * 1024;

/// The parameters of all faults. The combination is checked by the conversion.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultDescription {
    name: String,
    /// Can be left out where there is only one.
    step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default)]
    count: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<RetryAfter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_sent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_received: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polls: Option<u32>,
    #[serde(default, deserialize_with = "any_value", skip_serializing_if = "Option::is_none")]
    chain: Option<Value>,
}

/// A number of times, or `always`.
#[derive(Debug, Clone)]
struct Count(Option<u32>);

impl TryFrom<FaultDescription> for Fault {
    type Error = FaultError;

    fn try_from(mut description: FaultDescription) -> Result<Self, FaultError> {
        let effect = description.effect()?;
        if let Some(parameter) = description.left_over() {
            return Err(FaultError::Parameter(parameter, effect.name()));
        }
        let step = description.step.or(effect.only_step());
        let step = step.ok_or(FaultError::Missing("step", effect.name()))?;
        Ok(Self {
            device: description.device,
            left: description.count.0,
            ..Self::new(effect, step)?
        })
    }
}

impl From<Fault> for FaultDescription {
    fn from(fault: Fault) -> Self {
        let mut description = Self {
            name: fault.effect.name().to_owned(),
            step: Some(fault.step),
            device: fault.device,
            count: Count(fault.left),
            ..Self::default()
        };
        match fault.effect {
            Effect::Refuse { code, retry_after } => {
                (description.code, description.retry_after) = (code, retry_after.map(RetryAfter::Seconds));
            }
            Effect::Error {
                status,
                error_code,
                message,
                retry_after,
            } => {
                (description.code, description.error_code) = (Some(status), Some(error_code));
                (description.message, description.retry_after) = (Some(message), Some(retry_after));
            }
            Effect::Polls(polls) => description.polls = Some(polls),
            Effect::Fail { error_code, message } => {
                (description.error_code, description.message) = (Some(error_code), Some(message));
            }
            Effect::Issue(chain) => description.chain = chain,
            Effect::Delay(delay) => description.seconds = Some(delay.as_secs_f64()),
            Effect::Close(cut) | Effect::Reset(cut) => match cut {
                Cut::Now => {}
                Cut::AfterSent(bytes) => description.after_sent = Some(bytes),
                Cut::AfterReceived(bytes) => description.after_received = Some(bytes),
            },
            Effect::Split { size, pause } => {
                (description.size, description.seconds) = (Some(size), Some(pause.as_secs_f64()));
            }
            Effect::WrongRequestId { request_id, beside } => {
                (description.request_id, description.beside) = (request_id, Some(beside));
            }
            Effect::ForeignRequestId { beside } => description.beside = Some(beside),
            Effect::Body(body) => description.body = Some(body),
            Effect::OversizedBody { size } => description.size = Some(size),
            Effect::Withhold
            | Effect::Garbage
            | Effect::Join
            | Effect::Reorder
            | Effect::Duplicate
            | Effect::Assigning
            | Effect::Disable
            | Effect::TruncatedBody => {}
        }
        description
    }
}

impl FaultDescription {
    /// The effect; the parameters that it has are taken out.
    fn effect(&mut self) -> Result<Effect, FaultError> {
        Ok(match self.name.as_str() {
            "refuse" => Effect::Refuse {
                code: self.code.take(),
                retry_after: match self.retry_after.take() {
                    None | Some(RetryAfter::Absent) => None,
                    Some(RetryAfter::Seconds(seconds)) => Some(seconds),
                    Some(RetryAfter::Verbatim(text)) => return Err(FaultError::RetryAfter(text)),
                },
            },
            "delay" => Effect::Delay(self.time()?.ok_or(FaultError::Missing("seconds", "delay"))?),
            "withhold" => Effect::Withhold,
            "close" => Effect::Close(self.cut()?),
            "reset" => Effect::Reset(self.cut()?),
            "garbage" => Effect::Garbage,
            "split" => Effect::Split {
                size: self.size.take().unwrap_or(1),
                pause: self.time()?.unwrap_or(PAUSE),
            },
            "join" => Effect::Join,
            "reorder" => Effect::Reorder,
            "duplicate" => Effect::Duplicate,
            "wrongRequestId" => Effect::WrongRequestId {
                request_id: self.request_id.take(),
                beside: self.beside.take().unwrap_or_default(),
            },
            "foreignRequestId" => Effect::ForeignRequestId {
                beside: self.beside.take().unwrap_or_default(),
            },
            "assigning" => Effect::Assigning,
            "body" => Effect::Body(self.body.take().ok_or(FaultError::Missing("body", "body"))?),
            "truncatedBody" => Effect::TruncatedBody,
            "oversizedBody" => Effect::OversizedBody {
                size: self.size.take().unwrap_or(OVERSIZE),
            },
            "error" => {
                let status = self.code.take().unwrap_or(503);
                Effect::Error {
                    status,
                    error_code: self.error_code.take().unwrap_or(u32::from(status) * 1000),
                    message: self.message.take().unwrap_or_else(|| "Refused by a fault.".to_owned()),
                    retry_after: self.retry_after.take().unwrap_or(RetryAfter::Absent),
                }
            }
            "polls" => Effect::Polls(self.polls.take().ok_or(FaultError::Missing("polls", "polls"))?),
            "fail" => Effect::Fail {
                error_code: self.error_code.take().ok_or(FaultError::Missing("errorCode", "fail"))?,
                message: self.message.take().unwrap_or_default(),
            },
            "disable" => Effect::Disable,
            "issue" => Effect::Issue(self.chain.take()),
            _ => return Err(FaultError::Name(std::mem::take(&mut self.name))),
        })
    }

    fn cut(&mut self) -> Result<Cut, FaultError> {
        match (self.after_sent.take(), self.after_received.take()) {
            (None, None) => Ok(Cut::Now),
            (Some(bytes), None) => Ok(Cut::AfterSent(bytes)),
            (None, Some(bytes)) => Ok(Cut::AfterReceived(bytes)),
            (Some(_), Some(_)) => Err(FaultError::TwoCuts),
        }
    }

    fn time(&mut self) -> Result<Option<Duration>, FaultError> {
        let time = |seconds| Duration::try_from_secs_f64(seconds).map_err(|_| FaultError::Seconds(seconds.to_string()));
        self.seconds.take().map(time).transpose()
    }

    /// A parameter that the effect does not have.
    fn left_over(&self) -> Option<&'static str> {
        let parameters = [
            ("code", self.code.is_some()),
            ("errorCode", self.error_code.is_some()),
            ("message", self.message.is_some()),
            ("retryAfter", self.retry_after.is_some()),
            ("seconds", self.seconds.is_some()),
            ("afterSent", self.after_sent.is_some()),
            ("afterReceived", self.after_received.is_some()),
            ("size", self.size.is_some()),
            ("requestId", self.request_id.is_some()),
            ("beside", self.beside.is_some()),
            ("body", self.body.is_some()),
            ("polls", self.polls.is_some()),
            ("chain", self.chain.is_some()),
        ];
        parameters.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }
}

/// A value, `null` included.
fn any_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Default for Count {
    fn default() -> Self {
        Self(Some(1))
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(count) => serializer.serialize_u32(count),
            None => serializer.serialize_str("always"),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl de::Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a count of 1 or more, or `always`")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Count, E> {
        match u32::try_from(count) {
            Ok(count @ 1..) => Ok(Count(Some(count))),
            _ => Err(E::invalid_value(de::Unexpected::Unsigned(count), &self)),
        }
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Count, E> {
        let unexpected = de::Unexpected::Signed(count);
        match u64::try_from(count) {
            Ok(count) => self.visit_u64(count),
            Err(_) => Err(E::invalid_value(unexpected, &self)),
        }
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Count, E> {
        match word {
            "always" => Ok(Count(None)),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }
}

#[cfg(test)]
mod tests;

//! The words in which faults are written, in a configuration and over HTTP alike.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Cut, Effect, Fault, FaultError, Step};

/// Between two pieces, unless told otherwise: enough for each to travel by itself.
const PAUSE: Duration = Duration::from_millis(1);

/// The size of a body that is too large, unless told otherwise: more than a device may be expected to take.
const OVERSIZE: usize = 2 * 1024 * 1024;

/// A fault with every parameter that any has; what does not belong together is sorted out afterwards.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Words {
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
    retry_after: Option<u64>,
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
}

/// So many times, or `always`.
#[derive(Debug, Clone)]
struct Count(Option<u32>);

impl TryFrom<Words> for Fault {
    type Error = FaultError;

    fn try_from(mut words: Words) -> Result<Self, FaultError> {
        let effect = words.effect()?;
        if let Some(parameter) = words.left_over() {
            return Err(FaultError::Parameter(parameter, effect.word()));
        }
        let step = match words.step {
            Some(step) => step,
            None if effect.is_of_answers() => Step::Answer,
            None => return Err(FaultError::Missing("step", effect.word())),
        };
        Ok(Self {
            device: words.device,
            left: words.count.0,
            ..Self::new(effect, step)?
        })
    }
}

impl From<Fault> for Words {
    fn from(fault: Fault) -> Self {
        let mut words = Self {
            name: fault.effect.word().to_owned(),
            step: Some(fault.step),
            device: fault.device,
            count: Count(fault.left),
            ..Self::default()
        };
        match fault.effect {
            Effect::Refuse { code, retry_after } => (words.code, words.retry_after) = (code, retry_after),
            Effect::Delay(delay) => words.seconds = Some(delay.as_secs_f64()),
            Effect::Close(cut) | Effect::Reset(cut) => match cut {
                Cut::Now => {}
                Cut::AfterSent(bytes) => words.after_sent = Some(bytes),
                Cut::AfterReceived(bytes) => words.after_received = Some(bytes),
            },
            Effect::Split { size, pause } => {
                (words.size, words.seconds) = (Some(size), Some(pause.as_secs_f64()));
            }
            Effect::WrongRequestId { request_id, beside } => {
                (words.request_id, words.beside) = (request_id, Some(beside));
            }
            Effect::ForeignRequestId { beside } => words.beside = Some(beside),
            Effect::Body(body) => words.body = Some(body),
            Effect::OversizedBody { size } => words.size = Some(size),
            Effect::Withhold
            | Effect::Garbage
            | Effect::Join
            | Effect::Reorder
            | Effect::Duplicate
            | Effect::Assigning
            | Effect::TruncatedBody => {}
        }
        words
    }
}

impl Words {
    /// The effect; the parameters that it has are taken out.
    fn effect(&mut self) -> Result<Effect, FaultError> {
        Ok(match self.name.as_str() {
            "refuse" => Effect::Refuse {
                code: self.code.take(),
                retry_after: self.retry_after.take(),
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
            ("retryAfter", self.retry_after.is_some()),
            ("seconds", self.seconds.is_some()),
            ("afterSent", self.after_sent.is_some()),
            ("afterReceived", self.after_received.is_some()),
            ("size", self.size.is_some()),
            ("requestId", self.request_id.is_some()),
            ("beside", self.beside.is_some()),
            ("body", self.body.is_some()),
        ];
        parameters.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }
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
mod tests {
    use serde_json::json;

    use super::*;

    fn error(words: serde_json::Value) -> String {
        serde_json::from_value::<Fault>(words)
            .expect_err("no fault")
            .to_string()
    }

    #[test]
    fn every_name_is_read_and_written_alike() {
        for words in [
            json!({"name": "refuse", "step": "answer", "code": 429, "retryAfter": 7, "count": "always"}),
            json!({"name": "delay", "step": "tls", "seconds": 1.5, "count": 2}),
            json!({"name": "withhold", "step": "suback", "count": 1, "device": "d"}),
            json!({"name": "close", "step": "tcp", "afterReceived": 9, "count": 1}),
            json!({"name": "reset", "step": "puback", "afterSent": 0, "count": 1}),
            json!({"name": "garbage", "step": "upgrade", "count": 1}),
            json!({"name": "split", "step": "unsuback", "size": 3, "seconds": 0.25, "count": 1}),
            json!({"name": "join", "step": "puback", "count": 1}),
            json!({"name": "reorder", "step": "puback", "count": 1}),
            json!({"name": "duplicate", "step": "pingresp", "count": 1}),
            json!({"name": "wrongRequestId", "step": "answer", "requestId": "x", "beside": true, "count": 1}),
            json!({"name": "foreignRequestId", "step": "answer", "beside": false, "count": 1}),
            json!({"name": "assigning", "step": "answer", "count": 1}),
            json!({"name": "body", "step": "answer", "body": "", "count": 1}),
            json!({"name": "truncatedBody", "step": "answer", "count": 1}),
            json!({"name": "oversizedBody", "step": "answer", "size": 5, "count": 1}),
        ] {
            let fault: Fault = serde_json::from_value(words.clone()).expect("a fault");
            assert_eq!(serde_json::to_value(fault).expect("words"), words);
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let read = |words| serde_json::from_value::<Fault>(words).expect("a fault");
        let fault = |effect, step| Fault::new(effect, step).expect("a fault");
        assert_eq!(
            read(json!({"name": "close", "step": "connack"})),
            fault(Effect::Close(Cut::Now), Step::Connack)
        );
        assert_eq!(
            read(json!({"name": "split", "step": "tcp"})),
            fault(Effect::Split { size: 1, pause: PAUSE }, Step::Tcp)
        );
        assert_eq!(
            read(json!({"name": "oversizedBody"})),
            fault(Effect::OversizedBody { size: OVERSIZE }, Step::Answer)
        );
    }

    #[test]
    fn what_does_not_belong_together_is_named() {
        for (words, message) in [
            (
                json!({"name": "explode", "step": "tcp"}),
                "no fault is called `explode`; the names are refuse, delay, ",
            ),
            (
                json!({"name": "join", "step": "tcp"}),
                "the fault `join` cannot happen at the step `tcp`",
            ),
            (
                json!({"name": "body", "body": "", "step": "suback"}),
                "the fault `body` cannot happen at the step `suback`",
            ),
            (
                json!({"name": "refuse", "step": "puback"}),
                "the fault `refuse` cannot happen at the step `puback`",
            ),
            (json!({"name": "close"}), "the fault `close` needs `step`"),
            (
                json!({"name": "delay", "step": "tcp"}),
                "the fault `delay` needs `seconds`",
            ),
            (
                json!({"name": "delay", "step": "tcp", "seconds": -1}),
                "`seconds` is -1; a time is 0 or more seconds",
            ),
            (
                json!({"name": "delay", "step": "tcp", "seconds": 1, "size": 1}),
                "`size` has no meaning for",
            ),
            (
                json!({"name": "refuse", "step": "connack", "code": 6}),
                "`code` is 6; at this step it is 1 to 5",
            ),
            (
                json!({"name": "refuse", "step": "tls", "code": 6}),
                "`code` has no meaning for the fault or step `tls`",
            ),
            (
                json!({"name": "refuse", "step": "connack", "retryAfter": 6}),
                "`retryAfter` has no meaning for",
            ),
            (
                json!({"name": "close", "step": "answer", "afterReceived": 6}),
                "`afterReceived` has no meaning for",
            ),
            (
                json!({"name": "close", "step": "tcp", "afterReceived": 6, "afterSent": 1}),
                "`afterSent` and",
            ),
            (
                json!({"name": "split", "step": "tcp", "size": 0}),
                "`size` is 0; here it is 1 to ",
            ),
            (
                json!({"name": "oversizedBody", "size": 100_000_000}),
                "`size` is 100000000; here it is 0 to 16777216",
            ),
            (
                json!({"name": "join", "step": "puback", "count": 0}),
                "expected a count of 1 or more, or `always`",
            ),
            (
                json!({"name": "join", "step": "puback", "count": -1}),
                "expected a count of 1 or more, or `always`",
            ),
            (
                json!({"name": "join", "step": "puback", "count": "ever"}),
                "expected a count of 1 or more, or `always`",
            ),
            (
                json!({"name": "join", "step": "pubak"}),
                "unknown variant `pubak`, expected one of `tcp`, `tls`",
            ),
            (
                json!({"name": "join", "step": "puback", "times": 1}),
                "unknown field `times`",
            ),
        ] {
            let error = error(words);
            assert!(error.contains(message), "{error}");
        }
    }
}

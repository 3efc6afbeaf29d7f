//! The service's topics: what is published where, and how an answer's topic is read.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Where every answer arrives.
pub(crate) const ANSWERS: &str = "$dps/registrations/res/#";

const ANSWER_PREFIX: &str = "$dps/registrations/res/";

/// Everything but letters, digits and `-._~` is escaped.
pub(crate) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The topic of a registration request.
pub(crate) fn register(request_id: &str) -> String {
    format!("$dps/registrations/PUT/iotdps-register/?$rid={request_id}")
}

/// The topic of a query. The operation id is the service's; escaping keeps a strange one from breaking the topic.
pub(crate) fn query(request_id: &str, operation_id: &str) -> String {
    let operation_id = utf8_percent_encode(operation_id, ESCAPED);
    format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={request_id}&operationId={operation_id}")
}

/// What an answer's topic says.
#[derive(Debug, PartialEq)]
pub(crate) struct AnswerTopic<'a> {
    /// `None` when it is no number that a status can be.
    pub(crate) status: Option<u16>,
    pub(crate) request_id: &'a str,
    /// Zero for 0 and below, `None` when absent or no number.
    pub(crate) retry_after: Option<Duration>,
}

impl<'a> AnswerTopic<'a> {
    /// `None` when the topic is not an answer's. Query keys come in any order and any case; unknown ones are ignored.
    pub(crate) fn parse(topic: &'a str) -> Option<Self> {
        let (status, query) = topic.strip_prefix(ANSWER_PREFIX)?.split_once("/?")?;
        let value = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(name, _)| name.eq_ignore_ascii_case(key))
                .map(|(_, value)| value)
        };
        Some(Self {
            status: status.parse().ok(),
            request_id: value("$rid")?,
            retry_after: value("retry-after").and_then(seconds),
        })
    }
}

/// Seconds as the service wrote them: zero for 0 and below, `None` for what is no number.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite())?;
    // Too many for a `Duration` is as good as for ever.
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(text: &str) -> Option<Duration> {
        AnswerTopic::parse(&format!("$dps/registrations/res/202/?$rid=1&retry-after={text}"))
            .expect("an answer")
            .retry_after
    }

    #[test]
    fn an_answers_topic_is_read_with_keys_in_any_order_and_case() {
        let expected = AnswerTopic {
            status: Some(202),
            request_id: "Ab",
            retry_after: Some(Duration::from_secs(3)),
        };
        for query in [
            "$rid=Ab&retry-after=3",
            "Retry-After=3&$RID=Ab",
            "x=1&RETRY-AFTER=3&y&$rid=Ab",
        ] {
            let topic = format!("$dps/registrations/res/202/?{query}");
            assert_eq!(AnswerTopic::parse(&topic).as_ref(), Some(&expected), "{query}");
        }
    }

    #[test]
    fn topics_that_are_no_answers_are_none() {
        for topic in [
            "",
            "a/b",
            "$dps/registrations/res/200",
            "$dps/registrations/res/200/?",
            "$dps/registrations/GET/x/?$rid=1",
        ] {
            assert_eq!(AnswerTopic::parse(topic), None, "{topic}");
        }
    }

    #[test]
    fn a_status_is_no_8_bit_number_and_may_be_none_at_all() {
        let status =
            |text: &str| AnswerTopic::parse(&format!("$dps/registrations/res/{text}/?$rid=1")).map(|t| t.status);
        assert_eq!(status("429"), Some(Some(429)));
        assert_eq!(status("1000"), Some(Some(1000)));
        assert_eq!(status("99999"), Some(None));
        assert_eq!(status("soon"), Some(None));
    }

    #[test]
    fn retry_after_is_seconds_or_nothing() {
        assert_eq!(retry_after("3"), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("0"), Some(Duration::ZERO));
        assert_eq!(retry_after("-1"), Some(Duration::ZERO));
        assert_eq!(retry_after("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(
            retry_after("1000000000000"),
            Some(Duration::from_secs(1_000_000_000_000))
        );
        assert_eq!(retry_after("1e300"), Some(Duration::MAX));
        for none in ["", "NaN", "inf", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"] {
            assert_eq!(retry_after(none), None, "{none}");
        }
    }

    #[test]
    fn a_strange_operation_id_cannot_break_the_topic() {
        assert_eq!(
            query("1", "4.ab-c/#+&x=\u{0}"),
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=4.ab-c%2F%23%2B%26x%3D%00"
        );
    }
}

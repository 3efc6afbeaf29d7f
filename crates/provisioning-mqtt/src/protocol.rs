//! The protocol on the wire, without I/O: topics, the user name, and how a response is read.
//!
//! A device with an MQTT client of its own can use this module beside the machine of `provisioning-client`: connect
//! with [`user_name`], subscribe to [`RESPONSES`], publish [`RegistrationRequest::body`] to [`register_topic`] and an
//! empty payload to [`query_topic`], and read what arrives with [`ResponseTopic::parse`] and [`read_response`].
//!
//! ```
//! use provisioning_mqtt::protocol::{self, ResponseTopic};
//! use provisioning_types::{RegistrationStatus, Request};
//!
//! assert_eq!(protocol::register_topic("7"), "$dps/registrations/PUT/iotdps-register/?$rid=7");
//!
//! let topic = "$dps/registrations/res/202/?$rid=7&retry-after=3";
//! let body = br#"{"operationId":"4.op","status":"assigning"}"#;
//! assert_eq!(ResponseTopic::parse(topic).map(|topic| topic.request_id), Some("7"));
//! let response = protocol::read_response(&Request::Register, topic, body)?;
//! assert_eq!(*response.status(), RegistrationStatus::Assigning);
//! assert_eq!(response.operation_id(), Some("4.op"));
//! # Ok::<(), provisioning_types::TransportError>(())
//! ```

use std::{fmt::Write, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use provisioning_types::{ErrorKind, RegistrationRequest, Request, Response, TransportError};

/// The filter of every response; the service supports QoS 1.
pub const RESPONSES: &str = "$dps/registrations/res/#";

const RESPONSE_PREFIX: &str = "$dps/registrations/res/";

/// Everything but letters, digits and `-._~` is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How much of a topic a message shows.
const MAX_SHOWN_CHARS: usize = 200;

/// The MQTT user name of the device that registers.
///
/// The service takes `ClientVersion` in any case; the requirement document writes `clientVersion`, SDKs send this.
pub fn user_name(registration: &RegistrationRequest, user_agent: &str) -> String {
    let mut user_name = String::with_capacity(192);
    // Writing to a string does not fail.
    let _ = write!(
        user_name,
        "{}/registrations/{}/api-version={}&ClientVersion={}",
        registration.id_scope(),
        registration.registration_id(),
        registration.api_version(),
        utf8_percent_encode(user_agent, ESCAPED)
    );
    user_name
}

/// The topic of a registration request. `request_id` is any text that identifies it on this connection.
pub fn register_topic(request_id: &str) -> String {
    format!("$dps/registrations/PUT/iotdps-register/?$rid={request_id}")
}

/// The topic of a query. The operation id is the service's: it is percent-encoded, so it cannot break the topic.
pub fn query_topic(request_id: &str, operation_id: &str) -> String {
    let operation_id = utf8_percent_encode(operation_id, ESCAPED);
    format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={request_id}&operationId={operation_id}")
}

/// Reads the response to `request` from the topic that it arrived on and its payload.
///
/// # Errors
/// As [`Response::from_service`], and [`ErrorKind::UnexpectedResponse`] when the topic has no status.
pub fn read_response(request: &Request, topic: &str, payload: impl Into<Vec<u8>>) -> Result<Response, TransportError> {
    let parsed = ResponseTopic::parse(topic);
    let Some((status, retry_after)) = parsed.and_then(|topic| Some((topic.status?, topic.retry_after))) else {
        let topic: String = topic.chars().take(MAX_SHOWN_CHARS).collect();
        let message = format!("the response arrived on the topic {topic:?}, which has no status");
        return Err(TransportError::new(ErrorKind::UnexpectedResponse, message));
    };
    Response::from_service(status, payload, retry_after, request.operation_id())
}

/// The parts of a response's topic.
#[derive(Debug, PartialEq)]
pub struct ResponseTopic<'a> {
    /// The HTTP-like status; `None` when it is not a 16-bit number.
    pub status: Option<u16>,
    /// The id of the request that it responds to.
    pub request_id: &'a str,
    /// How long to wait; zero for 0 and less, `None` when absent or not a number.
    pub retry_after: Option<Duration>,
}

impl<'a> ResponseTopic<'a> {
    /// `None` when the topic is not a response's. Query keys are taken in any order and any case; unknown ones are
    /// ignored.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let (status, query) = topic.strip_prefix(RESPONSE_PREFIX)?.split_once("/?")?;
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

/// Seconds as the service wrote them: zero for 0 and less, `None` for anything but a number.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite())?;
    // More than a `Duration` holds: the longest wait.
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(text: &str) -> Option<Duration> {
        ResponseTopic::parse(&format!("$dps/registrations/res/202/?$rid=1&retry-after={text}"))
            .expect("a response")
            .retry_after
    }

    #[test]
    fn a_responses_topic_is_read_with_keys_in_any_order_and_case() {
        let expected = ResponseTopic {
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
            assert_eq!(ResponseTopic::parse(&topic).as_ref(), Some(&expected), "{query}");
        }
    }

    #[test]
    fn topics_of_other_messages_are_none() {
        for topic in [
            "",
            "a/b",
            "$dps/registrations/res/200",
            "$dps/registrations/res/200/?",
            "$dps/registrations/GET/x/?$rid=1",
        ] {
            assert_eq!(ResponseTopic::parse(topic), None, "{topic}");
        }
    }

    #[test]
    fn a_status_has_16_bits_and_may_be_missing() {
        let status =
            |text: &str| ResponseTopic::parse(&format!("$dps/registrations/res/{text}/?$rid=1")).map(|t| t.status);
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
            query_topic("1", "4.ab-c/#+&x=\u{0}"),
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=4.ab-c%2F%23%2B%26x%3D%00"
        );
    }
}

//! What the service said when it refused or failed.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{error_code::ErrorCode, registration_state::parse_time};

/// Everything that the service said about a refusal or a failure.
///
/// The body may be the service's JSON, any other text, or empty; it is kept whole.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceError {
    status: u16,
    error_code: Option<ErrorCode>,
    tracking_id: Option<String>,
    message: Option<String>,
    timestamp: Option<String>,
    /// What its clock said when it answered; the last update of a state may be long ago.
    answered_at: Option<SystemTime>,
    retry_after: Option<Duration>,
    proxy: Option<String>,
    body: Vec<u8>,
}

/// How much of a body is repeated in a message, in characters.
const EXCERPT: usize = 200;

impl ServiceError {
    /// Reads what `body` holds; nothing in it is required.
    ///
    /// A refusal has its fields at the top, a failed registration in its `registrationState`.
    #[doc(alias = "translateError")]
    pub fn from_body(status: u16, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let state = &json["registrationState"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let code = |value: &Value| value.as_u64().filter(|&code| code != 0).map(ErrorCode::from);
        Self {
            status,
            error_code: code(&json["errorCode"]).or_else(|| code(&state["errorCode"])),
            tracking_id: text(&json["trackingId"]).or_else(|| text(&state["trackingId"])),
            message: text(&json["message"]).or_else(|| text(&state["errorMessage"])),
            timestamp: text(&json["timestampUtc"]).or_else(|| text(&state["lastUpdatedDateTimeUtc"])),
            answered_at: json["timestampUtc"].as_str().and_then(parse_time),
            retry_after: None,
            proxy: None,
            body: body.to_vec(),
        }
    }

    /// Adds the retry-after, which is not part of the body.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Names the proxy that the answer came through.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Option<String>) -> Self {
        self.proxy = proxy;
        self
    }

    /// The HTTP-like status of the answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The service's six-digit code, such as 401002.
    pub fn error_code(&self) -> Option<ErrorCode> {
        self.error_code
    }

    /// What the service's support asks for.
    pub fn tracking_id(&self) -> Option<&str> {
        self.tracking_id.as_deref()
    }

    /// The service's own words.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// When it happened, by the service's clock, as the service wrote it.
    pub fn timestamp(&self) -> Option<&str> {
        self.timestamp.as_deref()
    }

    /// How long the service asked to wait before the next request, as it arrived.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// How far this device's clock, which says `now`, is from the service's: when it is so far that a fresh token may
    /// be taken for an expired one, or a valid certificate for an invalid one. Only an answer that says when it was
    /// given tells.
    pub fn clock_skew(&self, now: SystemTime) -> Option<ClockSkew> {
        ClockSkew::between(now, self.answered_at?)
    }

    /// Whether its [code](Self::error_code) says that the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        self.error_code.is_some_and(ErrorCode::is_transient)
    }

    /// Whether it is a 409 with error code 409203: the device is registering twice at the same time, so the same request
    /// may succeed in some seconds.
    pub fn is_simultaneous_registration(&self) -> bool {
        (self.status, self.error_code) == (409, Some(ErrorCode::SimultaneousRegistration))
    }

    /// What to check first, in one sentence, where its code or its message says more than its status.
    pub fn hint(&self) -> Option<&'static str> {
        match self.error_code {
            Some(code) => code.hint(),
            None => code_of_message(self.message.as_deref()?)?.hint(),
        }
    }

    /// The body as it arrived.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The code that the service usually gives with this message: some responses have the message only.
fn code_of_message(message: &str) -> Option<ErrorCode> {
    let message = message.to_ascii_lowercase();
    [
        ("custom allocation failed", ErrorCode::CustomAllocationFailed),
        ("no hub specified", ErrorCode::NoHub),
        ("hub access unauthorized", ErrorCode::HubUnauthorized),
        ("iot hub not found", ErrorCode::HubNotFound),
    ]
    .into_iter()
    .find_map(|(words, code)| message.contains(words).then_some(code))
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service answered {}", self.status)?;
        if let Some(code) = self.error_code {
            write!(f, " (error code {code})")?;
        }
        if let Some(proxy) = &self.proxy {
            write!(f, " through the proxy {proxy}")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {}", message.trim_end_matches('.')),
            None => write!(f, " with {}", excerpt(&self.body)),
        }
    }
}

impl std::error::Error for ServiceError {}

impl fmt::Debug for ServiceError {
    /// The message, with the ids that the service's support asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match &self.tracking_id {
            Some(id) => write!(f, " (tracking id {id})"),
            None => Ok(()),
        }
    }
}

/// How far a clock is from the service's: 5 minutes or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    distance: Duration,
    is_behind: bool,
}

/// A smaller difference may be the latency of the answer.
const NOTABLE_SKEW: Duration = Duration::from_secs(5 * 60);

impl ClockSkew {
    /// How far `now` is from what the service's clock said; `None` when that is less than 5 minutes.
    pub fn between(now: SystemTime, service: SystemTime) -> Option<Self> {
        let (distance, is_behind) = match service.duration_since(now) {
            Ok(behind) => (behind, true),
            Err(ahead) => (ahead.duration(), false),
        };
        (distance >= NOTABLE_SKEW).then_some(Self { distance, is_behind })
    }
}

impl fmt::Display for ClockSkew {
    /// Such as `this device's clock is 2h 5m behind the service's`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = Duration::from_secs(self.distance.as_secs() / 60 * 60);
        let direction = if self.is_behind { "behind" } else { "ahead of" };
        let minutes = humantime::format_duration(minutes);
        write!(f, "this device's clock is {minutes} {direction} the service's")
    }
}

/// The beginning of a body, fit for a message: escaped, and shortened.
pub(crate) fn excerpt(body: &[u8]) -> String {
    if body.is_empty() {
        return "an empty body".to_owned();
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * EXCERPT)]);
    let shown: String = text.chars().take(EXCERPT).collect();
    let ellipsis = if shown.len() < text.len() || 4 * EXCERPT < body.len() {
        "…"
    } else {
        ""
    };
    format!("{shown:?}{ellipsis}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_everything_that_the_service_said() {
        let body = br#"{"errorCode":401002,"trackingId":"8ad0463c","message":"Invalid certificate.","timestampUtc":"2020-04-10T05:24:22.4718526Z"}"#;
        let error = ServiceError::from_body(401, body);
        assert_eq!(error.error_code(), Some(ErrorCode::InvalidCredential));
        assert_eq!(error.tracking_id(), Some("8ad0463c"));
        assert_eq!(error.timestamp(), Some("2020-04-10T05:24:22.4718526Z"));
        assert_eq!(error.body(), body);
        assert_eq!(
            error.to_string(),
            "the service answered 401 (error code 401002): Invalid certificate"
        );
    }

    #[test]
    fn a_simultaneous_registration_is_known_by_its_status_and_its_code() {
        let is_simultaneous =
            |status, body: &[u8]| ServiceError::from_body(status, body).is_simultaneous_registration();
        let body = br#"{"errorCode":409203,"message":"Precondition failed."}"#;
        assert!(is_simultaneous(409, body));
        assert!(!is_simultaneous(412, body));
        assert!(!is_simultaneous(
            409,
            br#"{"errorCode":409000,"message":"Precondition failed."}"#
        ));
        assert!(!is_simultaneous(409, br#"{"message":"Precondition failed."}"#));
    }

    #[test]
    fn a_failed_registration_is_read_from_its_state() {
        let body = br#"{"status":"failed","registrationState":{"errorCode":400209,"errorMessage":"no hub","lastUpdatedDateTimeUtc":"t","trackingId":"8ad0"}}"#;
        let error = ServiceError::from_body(200, body);
        assert_eq!(error.error_code(), Some(ErrorCode::HubUnauthorized));
        assert_eq!(error.tracking_id(), Some("8ad0"));
        assert_eq!(error.message(), Some("no hub"));
        assert_eq!(error.timestamp(), Some("t"));
    }

    #[test]
    fn the_message_has_a_hint_where_the_code_is_missing() {
        let hint = |body: &str| ServiceError::from_body(200, body.as_bytes()).hint();
        let failed = |message: &str| format!(r#"{{"registrationState":{{"errorMessage":"{message}"}}}}"#);
        let webhook = hint(&failed("Custom allocation failed with status 500."));
        assert_eq!(webhook, ErrorCode::CustomAllocationFailed.hint());
        assert_eq!(hint(&failed("No hub specified.")), ErrorCode::NoHub.hint());
        assert_eq!(hint(&failed("Something else.")), None);
        let coded = r#"{"errorCode":400208,"message":"Custom allocation failed"}"#;
        assert_eq!(hint(coded), ErrorCode::NoHub.hint());
    }

    #[test]
    fn a_body_that_is_no_json_is_shown_and_an_empty_one_is_named() {
        let text = ServiceError::from_body(418, b"I am a teapot\n");
        assert_eq!(text.to_string(), r#"the service answered 418 with "I am a teapot\n""#);
        let empty = ServiceError::from_body(403, b"");
        assert_eq!(empty.to_string(), "the service answered 403 with an empty body");
        let long = ServiceError::from_body(400, &[0xff; 5000]);
        let long = long.to_string();
        assert!(long.len() < 1000 && long.ends_with('…'), "{long}");
    }

    #[test]
    fn a_clock_that_is_five_minutes_off_is_told_in_which_direction() {
        let body = br#"{"errorCode":401002,"timestampUtc":"2020-04-10T05:24:22.4718526Z"}"#;
        let error = ServiceError::from_body(401, body);
        let service = parse_time(error.timestamp().expect("one")).expect("a time");
        let skew = |now| error.clock_skew(now).map(|skew| skew.to_string());
        assert_eq!(skew(service + Duration::from_secs(299)), None);
        assert_eq!(
            skew(service - Duration::from_secs(7530)).as_deref(),
            Some("this device's clock is 2h 5m behind the service's")
        );
        assert_eq!(
            skew(service + Duration::from_secs(86_400)).as_deref(),
            Some("this device's clock is 1day ahead of the service's")
        );
        assert_eq!(ServiceError::from_body(401, b"").clock_skew(service), None);
    }

    #[test]
    fn when_a_state_was_last_updated_says_nothing_about_the_clock() {
        let body = br#"{"registrationState":{"errorCode":400209,"lastUpdatedDateTimeUtc":"2020-04-10T05:24:22Z"}}"#;
        let error = ServiceError::from_body(200, body);
        let updated = parse_time(error.timestamp().expect("one")).expect("a time");
        assert_eq!(error.clock_skew(updated + Duration::from_secs(86_400)), None);
    }
}

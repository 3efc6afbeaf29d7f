//! The error at the seam between the state machine and a transport: kind and source.

use std::{borrow::Cow, error::Error, fmt, iter, sync::Arc};

use serde::{Serialize, Serializer};

use crate::{
    error_kind::{ErrorKind, Phase},
    error_message::error_message,
    invalid_input::InvalidInput,
    service_error::ServiceError,
};

/// Why a transport call failed: a kind to act on, words to read, and the cause.
///
/// One pointer: it is part of the result of every call and of every future, and most of them succeed.
#[derive(Clone)]
pub struct TransportError(Box<Details>);

#[derive(Clone)]
struct Details {
    kind: ErrorKind,
    phase: Option<Phase>,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    connack: Option<u8>,
    is_retryable: Option<bool>,
    proxy: Option<Arc<str>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl TransportError {
    /// A failure of this kind; `message` is lower case and has no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details {
            kind,
            phase: None,
            message: message.into(),
            hint: None,
            connack: None,
            is_retryable: None,
            proxy: None,
            source: None,
        }))
    }

    /// What a request fails with that `cancel` or `disconnect` ended.
    #[doc(alias = "OperationCancelledError")]
    pub fn operation_cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the operation was cancelled")
    }

    /// What a second request fails with while the first is in progress.
    #[doc(alias = "InvalidOperationError")]
    pub fn invalid_operation() -> Self {
        Self::new(ErrorKind::InvalidOperation, "another operation is in progress")
    }

    /// The service's refusal.
    pub fn refused_by_service(error: ServiceError) -> Self {
        Self::new(ErrorKind::of_status(error.status()), "the service refused the request").with_source(error)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// A refusal of the connection with this CONNACK code (MQTT 3.1.1, section 3.2.2.3).
    #[must_use]
    pub fn with_connack(mut self, code: u8) -> Self {
        self.0.connack = Some(code);
        self
    }

    /// Says what to look at first, in one sentence, where that is known better than the kind tells.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says whether the same request may succeed later without anything being changed, where that is known better than
    /// the kind tells.
    #[must_use]
    pub fn with_retryable(mut self, is_retryable: bool) -> Self {
        self.0.is_retryable = Some(is_retryable);
        self
    }

    /// Names the step, unless one is named already: the innermost layer knows best.
    #[must_use]
    pub fn in_phase(mut self, phase: Phase) -> Self {
        self.0.phase.get_or_insert(phase);
        self
    }

    /// Adds a remark to the message, in parentheses.
    #[must_use]
    pub fn with_remark(self, remark: impl fmt::Display) -> Self {
        let message = format!("{} ({remark})", self.0.message);
        self.with_message(message)
    }

    /// Names the proxy that the connection goes through in a remark, unless the error names one already. What answers may
    /// be the proxy itself.
    #[must_use]
    pub fn through_proxy(self, proxy: impl fmt::Display) -> Self {
        match self.0.proxy {
            Some(_) => self,
            None => self
                .with_remark(format_args!("through the proxy {proxy}"))
                .naming_proxy(proxy),
        }
    }

    /// Says that the message names the proxy that the connection goes through.
    #[must_use]
    pub fn naming_proxy(mut self, proxy: impl fmt::Display) -> Self {
        self.0.proxy = Some(proxy.to_string().into());
        self
    }

    /// Replaces the message, and nothing else.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The step at which it happened, when the transport knows it.
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// The proxy that the message names.
    pub fn proxy(&self) -> Option<&str> {
        self.0.proxy.as_deref()
    }

    /// The CONNACK code, when it is with one that the service refused the connection.
    pub fn connack(&self) -> Option<u8> {
        self.0.connack
    }

    /// Whether the same request may succeed later without anything being changed: as the transport knows it, or else by
    /// the service's code, or by the kind.
    pub fn is_retryable(&self) -> bool {
        let by_code = || self.service().is_some_and(ServiceError::is_transient);
        self.0
            .is_retryable
            .unwrap_or_else(|| self.0.kind.is_retryable() || by_code())
    }

    /// What to look at first, in one sentence: as the transport knows it, or else by the service's code, or by the
    /// kind.
    pub fn hint(&self) -> &str {
        let by_code = || self.service()?.hint();
        match &self.0.hint {
            Some(hint) => hint,
            None => by_code().unwrap_or_else(|| self.0.kind.hint()),
        }
    }

    /// The input that cannot be used, when that failed the call.
    pub fn invalid_input(&self) -> Option<&InvalidInput> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// The service's response, when it is the service that failed the call.
    pub fn service(&self) -> Option<&ServiceError> {
        self.0.source.as_deref()?.downcast_ref()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.invalid_input() {
            // Its message is this error's own.
            Some(input) => input.source(),
            None => self.0.source.as_deref().map(|source| source as _),
        }
    }
}

impl fmt::Debug for TransportError {
    /// The message and its causes: what `main` shows of an error that it returns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = error_message(self);
        write!(f, "{message} (kind {}, hint: {})", self.0.kind, self.hint())
    }
}

impl PartialEq for TransportError {
    /// Compares causes by their messages: they may be of any type.
    fn eq(&self, other: &Self) -> bool {
        let own = |error: &Self| {
            (
                error.0.kind,
                error.0.phase,
                error.0.message.clone(),
                error.0.hint.clone(),
                error.0.connack,
                error.0.is_retryable,
            )
        };
        own(self) == own(other) && causes(self).eq(causes(other))
    }
}

impl Serialize for TransportError {
    /// An object with `kind`, `message` (causes included), `phase` and `hint`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Members<'a> {
            kind: &'static str,
            message: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            phase: Option<&'static str>,
            hint: &'a str,
        }
        let members = Members {
            kind: self.0.kind.as_str(),
            message: error_message(self),
            phase: self.0.phase.map(Phase::as_str),
            hint: self.hint(),
        };
        members.serialize(serializer)
    }
}

fn causes(error: &dyn Error) -> impl Iterator<Item = String> {
    iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string)
}

impl From<InvalidInput> for TransportError {
    fn from(error: InvalidInput) -> Self {
        Self::new(ErrorKind::Input, error.to_string()).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_kind_of_its_status_and_the_services_words_as_its_source() {
        let service = ServiceError::from_body(404, b"");
        let error = TransportError::refused_by_service(service.clone());
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.service(), Some(&service));
        assert_eq!(error.source().expect("a source").to_string(), service.to_string());
    }

    #[test]
    fn the_hint_is_the_one_that_knows_most() {
        let plain = TransportError::new(ErrorKind::Tls, "no TLS");
        assert_eq!(plain.hint(), ErrorKind::Tls.hint());
        let coded = TransportError::refused_by_service(ServiceError::from_body(401, br#"{"errorCode":401002}"#));
        assert!(coded.hint().contains("common name"), "{}", coded.hint());
        assert_eq!(coded.with_hint("ask Joe").hint(), "ask Joe");
    }

    #[test]
    fn whether_to_retry_is_what_the_transport_says_or_else_the_code_or_the_kind() {
        let lost = TransportError::new(ErrorKind::Lost, "gone");
        assert!(lost.is_retryable());
        assert!(!lost.with_retryable(false).is_retryable());
        let tls = TransportError::new(ErrorKind::Tls, "no");
        assert!(!tls.is_retryable());
        assert!(tls.with_retryable(true).is_retryable());
        let conflict = |body: &[u8]| TransportError::refused_by_service(ServiceError::from_body(409, body));
        assert!(!conflict(b"").is_retryable());
        assert!(conflict(br#"{"errorCode":409203}"#).is_retryable());
    }

    #[test]
    fn an_input_that_cannot_be_used_is_named_once() {
        let error = TransportError::from(InvalidInput::new("id scope", "letters"));
        assert_eq!(error.to_string(), "id scope cannot be used: expected letters");
        assert!(error.source().is_none());
        assert_eq!(error.invalid_input().map(InvalidInput::input), Some("id scope"));
    }

    #[test]
    fn debug_is_readable_and_errors_with_the_same_causes_are_equal() {
        let body = br#"{"errorCode":401002,"message":"Invalid certificate.","trackingId":"8ad0"}"#;
        let error = || TransportError::refused_by_service(ServiceError::from_body(401, body));
        let shown = format!("{:?}", error());
        let expected = "the service refused the request: the service answered 401 (error code 401002): Invalid \
                        certificate (kind unauthorized, hint: check";
        assert!(shown.starts_with(expected), "{shown}");
        assert_eq!(error(), error());
        assert_ne!(
            error(),
            TransportError::refused_by_service(ServiceError::from_body(401, b""))
        );
    }

    #[test]
    fn the_innermost_phase_stays() {
        let error = TransportError::operation_cancelled()
            .in_phase(Phase::Subscribe)
            .in_phase(Phase::Register);
        assert_eq!(error.phase(), Some(Phase::Subscribe));
    }
}

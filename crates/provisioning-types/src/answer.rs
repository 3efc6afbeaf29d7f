//! The service's answer to a request, judged by its status first and its body second.

use std::time::Duration;

use serde_json::Value;

use crate::{ErrorKind, RegistrationState, ServiceError, TransportError};

/// What an answer means for the registration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AnswerStatus {
    /// 429 or above to a registration request: send the same request again after the wait.
    Registering,
    /// The service is working on it, or answered a query with 429 or above: ask again after the wait.
    Assigning,
    /// Done.
    Assigned,
    /// Ended without an assignment.
    Failed,
    /// The enrollment is disabled.
    Disabled,
    /// A status that this version does not know, verbatim.
    Other(String),
}

impl AnswerStatus {
    fn from_wire(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "assigning" => Self::Assigning,
            "assigned" => Self::Assigned,
            "failed" => Self::Failed,
            "disabled" => Self::Disabled,
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// An answer that does not by itself end the request as refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// What it means.
    pub status: AnswerStatus,
    /// The HTTP-like status that it came with.
    pub code: u16,
    /// The operation to ask for.
    pub operation_id: Option<String>,
    /// The body as it arrived.
    pub body: Vec<u8>,
    /// How long the service asks to wait; zero when it said 0 or less, `None` when it said nothing or no number.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// An answer without operation id, body and retry-after.
    pub fn new(code: u16, status: AnswerStatus) -> Self {
        Self {
            status,
            code,
            operation_id: None,
            body: Vec::new(),
            retry_after: None,
        }
    }

    /// Sets the operation id.
    #[must_use]
    pub fn with_operation_id(mut self, operation_id: impl Into<String>) -> Self {
        self.operation_id = Some(operation_id.into());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets what the service asked to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Judges what arrived. `queried` is the operation that was asked for, `None` for a registration request.
    ///
    /// Below 300 the body's `status` decides, without regard to case; 300 to 428 is a refusal, whatever the body; 429
    /// and above asks to come back. A query's answer that names no operation is about the one that was asked for.
    ///
    /// # Errors
    /// The service's refusal under the kind of its status, or [`ErrorKind::UnexpectedResponse`] when the body of an
    /// answer below 300 is no JSON object with a `status`. Both hold a [`ServiceError`] with the status and the body.
    pub fn from_service(
        code: u16,
        body: &[u8],
        retry_after: Option<Duration>,
        queried: Option<&str>,
    ) -> Result<Self, TransportError> {
        let (status, operation_id) = match code {
            0..300 => read_body(code, body)?,
            300..429 => {
                let error = ServiceError::from_body(code, body);
                return Err(TransportError::refused_by_service(error));
            }
            429.. if queried.is_some() => (AnswerStatus::Assigning, None),
            429.. => (AnswerStatus::Registering, None),
        };
        Ok(Self {
            status,
            code,
            operation_id: operation_id.or(queried.map(str::to_owned)),
            body: body.to_vec(),
            retry_after,
        })
    }

    /// Whether the service throttles or fails rather than works: its status is 429 or above.
    pub fn is_throttled(&self) -> bool {
        self.code >= 429
    }

    /// The body's `registrationState`, empty when there is none.
    pub fn registration_state(&self) -> RegistrationState {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(Value::Object(mut fields)) => match fields.remove("registrationState") {
                Some(Value::Object(state)) => RegistrationState::new(state),
                _ => RegistrationState::default(),
            },
            _ => RegistrationState::default(),
        }
    }

    /// The answer as an error's source: its status, and what its body says.
    pub fn to_service_error(&self) -> ServiceError {
        ServiceError::from_body(self.code, &self.body)
    }
}

fn read_body(code: u16, body: &[u8]) -> Result<(AnswerStatus, Option<String>), TransportError> {
    let unexpected = |message: &'static str| {
        TransportError::new(ErrorKind::UnexpectedResponse, message).with_source(ServiceError::from_body(code, body))
    };
    let json: Value = serde_json::from_slice(body).map_err(|_| unexpected("the answer is not JSON"))?;
    let status = json["status"]
        .as_str()
        .ok_or_else(|| unexpected("the answer is no JSON object with a status"))?;
    let operation_id = json["operationId"].as_str().filter(|id| !id.is_empty());
    Ok((AnswerStatus::from_wire(status), operation_id.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, body: &str) -> Result<Answer, TransportError> {
        Answer::from_service(code, body.as_bytes(), None, None)
    }

    #[test]
    fn below_300_the_bodys_status_decides_without_regard_to_case() {
        for (body, status) in [
            (r#"{"status":"ASSIGNING"}"#, AnswerStatus::Assigning),
            (r#"{"status":"Assigned"}"#, AnswerStatus::Assigned),
            (r#"{"status":"failed"}"#, AnswerStatus::Failed),
            (r#"{"status":"disabled"}"#, AnswerStatus::Disabled),
            (r#"{"status":"Unassigned"}"#, AnswerStatus::Other("Unassigned".into())),
        ] {
            for code in [0, 200, 202, 299] {
                assert_eq!(answer(code, body).expect(body).status, status);
            }
        }
    }

    #[test]
    fn a_body_that_is_no_answer_is_an_error_that_holds_the_status_and_the_body() {
        let not_utf8: &[u8] = b"{\"status\":\"\xff\"}";
        for body in [b"".as_slice(), b"hello", b"[]", b"{}", b"{\"status\":1}", not_utf8] {
            let error = Answer::from_service(202, body, None, None).expect_err("no answer");
            assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
            let service = error.service().expect("the service's words");
            assert_eq!((service.status(), service.body()), (202, body));
        }
    }

    #[test]
    fn an_operation_id_that_is_null_empty_or_no_text_is_absent() {
        for id in ["null", "\"\"", "7"] {
            let body = format!(r#"{{"status":"assigning","operationId":{id}}}"#);
            assert_eq!(answer(202, &body).expect("an answer").operation_id, None);
        }
    }

    #[test]
    fn a_polls_answer_may_leave_the_operation_id_out() {
        let known = |body: &[u8]| {
            let answer = Answer::from_service(202, body, None, Some("known"));
            answer.expect("an answer").operation_id
        };
        assert_eq!(known(br#"{"status":"assigning"}"#).as_deref(), Some("known"));
        let other = br#"{"status":"assigning","operationId":"other"}"#;
        assert_eq!(known(other).as_deref(), Some("other"));
    }

    #[test]
    fn a_refusal_is_judged_by_its_status_whatever_the_body() {
        for body in ["", "text", "{}", r#"{"status":"assigned"}"#] {
            let error = answer(401, body).expect_err("a refusal");
            assert_eq!(error.kind(), ErrorKind::Unauthorized);
            assert_eq!(error.service().expect("kept").body(), body.as_bytes());
        }
    }

    #[test]
    fn a_registration_state_of_the_wrong_shape_is_empty() {
        for body in ["", "[]", r#"{"registrationState":null}"#, r#"{"registrationState":[]}"#] {
            let answer = Answer::new(200, AnswerStatus::Assigned).with_body(body);
            assert_eq!(answer.registration_state(), RegistrationState::default());
        }
    }
}

//! The service's response to a request, judged by its status first and its body second.

use std::{fmt, time::Duration};

use serde_json::Value;

use crate::{
    error_kind::ErrorKind, registration_state::RegistrationState, service_error::ServiceError,
    transport_error::TransportError,
};

/// What a response means for the registration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RegistrationStatus {
    /// 429 or above to a registration request: the same request is sent again after the wait.
    Registering,
    /// The service is working on it, or responded to a query with 429 or above: the operation is queried after the
    /// wait.
    Assigning,
    /// The device is assigned.
    Assigned,
    /// The registration ended without an assignment.
    Failed,
    /// The enrollment is disabled.
    Disabled,
    /// A status that this version does not know, verbatim.
    Other(String),
}

impl RegistrationStatus {
    fn from_wire(text: &str) -> Self {
        let known = [
            ("assigning", Self::Assigning),
            ("assigned", Self::Assigned),
            ("failed", Self::Failed),
            ("disabled", Self::Disabled),
        ];
        let found = known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map_or_else(|| Self::Other(text.to_owned()), |(_, status)| status)
    }
}

/// A response that is not a refusal.
#[derive(Clone, PartialEq)]
pub struct Response {
    status: RegistrationStatus,
    status_code: u16,
    operation_id: Option<String>,
    body: Vec<u8>,
    retry_after: Option<Duration>,
    registration_state: RegistrationState,
    proxy: Option<String>,
}

impl Response {
    /// A response without operation id, body and retry-after.
    pub fn new(status_code: u16, status: RegistrationStatus) -> Self {
        Self {
            status,
            status_code,
            operation_id: None,
            body: Vec::new(),
            retry_after: None,
            registration_state: RegistrationState::default(),
            proxy: None,
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
        self.registration_state = state_in(&self.body);
        self
    }

    /// Sets what the service asked to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says which proxy the response came through. What answered may be the proxy itself, so errors name it.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Option<String>) -> Self {
        self.proxy = proxy;
        self
    }

    /// Reads what arrived. `queried` is the operation that was queried, `None` for a registration request.
    ///
    /// Below 300 the body's `status` decides, compared without case; 300 to 428 is a refusal, whatever the body; 429
    /// and above asks to retry. A query's response that names no operation is about the one that was queried.
    ///
    /// # Errors
    /// The service's refusal under the kind of its status, or [`ErrorKind::UnexpectedResponse`] when the body of a
    /// response below 300 is not a JSON object with a `status`. Both hold a [`ServiceError`] with the status and the
    /// body; that of a refusal has the retry-after too.
    pub fn from_service(
        status_code: u16,
        body: impl Into<Vec<u8>>,
        retry_after: Option<Duration>,
        queried: Option<&str>,
    ) -> Result<Self, TransportError> {
        let body = body.into();
        let (status, operation_id, registration_state) = match status_code {
            0..300 => read_body(status_code, &body)?,
            300..429 => {
                let error = ServiceError::from_body(status_code, &body).with_retry_after(retry_after);
                return Err(TransportError::refused_by_service(error));
            }
            429.. => {
                let status = match queried {
                    Some(_) => RegistrationStatus::Assigning,
                    None => RegistrationStatus::Registering,
                };
                (status, None, state_in(&body))
            }
        };
        Ok(Self {
            status,
            status_code,
            operation_id: operation_id.or(queried.map(str::to_owned)),
            body,
            retry_after,
            registration_state,
            proxy: None,
        })
    }

    /// What the response means.
    pub fn status(&self) -> &RegistrationStatus {
        &self.status
    }

    /// The HTTP-like status in its topic.
    pub fn status_code(&self) -> u16 {
        self.status_code
    }

    /// The operation to query.
    pub fn operation_id(&self) -> Option<&str> {
        self.operation_id.as_deref()
    }

    /// How long the service asks to wait; zero for 0 or less, `None` when absent or not a number.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The body as it arrived.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the service is throttling or failing: its status is 429 or above.
    pub fn is_throttled(&self) -> bool {
        self.status_code >= 429
    }

    /// The body's `registrationState`, empty when there is none.
    pub fn registration_state(&self) -> &RegistrationState {
        &self.registration_state
    }

    /// The response as the source of an error: its status, its body, its retry-after and its proxy.
    pub fn to_service_error(&self) -> ServiceError {
        ServiceError::from_body(self.status_code, &self.body)
            .with_retry_after(self.retry_after)
            .with_proxy(self.proxy.clone())
    }
}

impl fmt::Debug for Response {
    /// The body as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("status_code", &self.status_code)
            .field("operation_id", &self.operation_id)
            .field("body", &String::from_utf8_lossy(&self.body))
            .field("retry_after", &self.retry_after)
            .finish()
    }
}

fn read_body(
    status_code: u16,
    body: &[u8],
) -> Result<(RegistrationStatus, Option<String>, RegistrationState), TransportError> {
    let unexpected = |message: &'static str| {
        TransportError::new(ErrorKind::UnexpectedResponse, message)
            .with_source(ServiceError::from_body(status_code, body))
    };
    let json: Value = serde_json::from_slice(body).map_err(|_| unexpected("the response is not JSON"))?;
    let status = json["status"]
        .as_str()
        .ok_or_else(|| unexpected("the response is not a JSON object with a status"))?;
    let status = RegistrationStatus::from_wire(status);
    let operation_id = json["operationId"].as_str().filter(|id| !id.is_empty());
    Ok((status, operation_id.map(str::to_owned), state_of(json)))
}

/// The `registrationState` in a body.
fn state_in(body: &[u8]) -> RegistrationState {
    state_of(serde_json::from_slice(body).unwrap_or_default())
}

fn state_of(mut body: Value) -> RegistrationState {
    match body.get_mut("registrationState").map(Value::take) {
        Some(Value::Object(fields)) => RegistrationState::new(fields),
        _ => RegistrationState::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, body: &str) -> Result<Response, TransportError> {
        Response::from_service(code, body.as_bytes(), None, None)
    }

    #[test]
    fn below_300_the_bodys_status_decides_without_regard_to_case() {
        for (body, status) in [
            (r#"{"status":"ASSIGNING"}"#, RegistrationStatus::Assigning),
            (r#"{"status":"Assigned"}"#, RegistrationStatus::Assigned),
            (r#"{"status":"failed"}"#, RegistrationStatus::Failed),
            (r#"{"status":"disabled"}"#, RegistrationStatus::Disabled),
            (
                r#"{"status":"Unassigned"}"#,
                RegistrationStatus::Other("Unassigned".into()),
            ),
        ] {
            for code in [0, 200, 202, 299] {
                assert_eq!(answer(code, body).expect(body).status, status);
            }
        }
    }

    #[test]
    fn a_body_that_is_not_a_response_is_an_error_with_the_status_and_the_body() {
        let not_utf8: &[u8] = b"{\"status\":\"\xff\"}";
        for body in [b"".as_slice(), b"hello", b"[]", b"{}", b"{\"status\":1}", not_utf8] {
            let error = Response::from_service(202, body, None, None).expect_err("no answer");
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
    fn a_querys_response_may_leave_the_operation_id_out() {
        let known = |body: &[u8]| {
            let answer = Response::from_service(202, body, None, Some("known"));
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
    fn the_retry_after_of_a_refusal_is_kept() {
        for wait in [None, Some(Duration::ZERO), Some(Duration::from_secs(7))] {
            let error = Response::from_service(409, b"", wait, None).expect_err("a refusal");
            assert_eq!(error.service().expect("kept").retry_after(), wait);
            let failed = Response::from_service(200, br#"{"status":"failed"}"#, wait, None).expect("an answer");
            assert_eq!(failed.to_service_error().retry_after(), wait);
        }
    }

    #[test]
    fn a_registration_state_of_the_wrong_shape_is_empty() {
        for body in ["", "[]", r#"{"registrationState":null}"#, r#"{"registrationState":[]}"#] {
            let answer = Response::new(200, RegistrationStatus::Assigned).with_body(body);
            assert_eq!(*answer.registration_state(), RegistrationState::default());
        }
    }
}

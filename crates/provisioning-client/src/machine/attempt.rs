//! One registration: what it remembers between its requests, and where each response and failure leads.

use std::time::Duration;

use provisioning_types::{
    Assignment, ErrorKind, Phase, RegistrationStatus, Request, Response, ServiceError, TransportError, Waiting,
};

use super::{Action, Context, Exchange, Next, State, Step};
use crate::{
    error::{FailureReason, RegisterError},
    event::StatusEvent,
};

#[derive(Debug, Clone)]
pub(super) struct Attempt {
    started: Duration,
    /// When the whole registration must have ended.
    deadline: Duration,
    /// How many responses of 429 and above without a retry-after came in a row.
    backoffs: u32,
    /// How often a request was sent again because the registration id was registering twice at the same time.
    simultaneous: u32,
    /// The last response, if the same request is sent again because of it. It is the reason if the registration fails
    /// now.
    refusal: Option<Box<ServiceError>>,
    /// How many lost connections it has recovered from.
    recoveries: u32,
    /// How often it failed to make its first connection, while the policy allows it to wait for the network.
    failed_connects: u32,
    /// Whether a TCP connection has stood, as far as is known.
    is_reached: bool,
    /// Whether a connection has been established.
    is_connected: bool,
    /// Whether the service's last answer said that the operation goes on, with no loss since.
    is_assigning: bool,
}

impl Attempt {
    pub(super) fn new(context: &Context<'_>) -> Self {
        Self {
            started: context.now,
            deadline: context.expiry(context.policy.registration_timeout),
            backoffs: 0,
            simultaneous: 0,
            refusal: None,
            recoveries: 0,
            failed_connects: 0,
            is_reached: false,
            is_connected: false,
            is_assigning: false,
        }
    }

    /// The connection is established.
    pub(super) fn connected(&mut self) {
        (self.is_reached, self.is_connected) = (true, true);
    }

    pub(super) fn waits_for(&mut self, waiting: &Waiting) {
        self.is_reached |= !waiting.step.is_before_tcp();
    }

    /// Whether the deadline is reached.
    pub(super) fn is_over(&self, context: &Context<'_>) -> bool {
        context.now >= self.deadline
    }

    /// Sends the request. Its response must arrive within the operation's timeout, and before the deadline.
    pub(super) fn send(self, request: Request, context: &Context<'_>) -> (State, Step) {
        let respond_by = context.expiry(context.policy.operation_timeout).min(self.deadline);
        let step = Next::Start(Action::Send(request.clone())).into();
        let exchange = Exchange {
            request,
            respond_by,
            waiting: None,
        };
        (State::InFlight(self, exchange), step)
    }

    /// The wait is over. The tick may come late, after the deadline.
    pub(super) fn send_scheduled(self, request: Request, phase: Phase, context: &Context<'_>) -> (State, Step) {
        if self.is_over(context) {
            self.give_up(&request, phase, None, None, context)
        } else {
            self.send(request, context)
        }
    }

    pub(super) fn handle_response(mut self, sent: Request, response: Response, context: &Context<'_>) -> (State, Step) {
        self.connected();
        let phase = sent.phase();
        let operation_id = response.operation_id().or(sent.operation_id());
        let reason = match response.status() {
            _ if response.is_throttled() => return self.back_off(sent, &response, context),
            RegistrationStatus::Registering => return self.back_off(sent, &response, context),
            RegistrationStatus::Assigning => match operation_id {
                Some(id) => return self.poll(id.to_owned(), &response, context),
                None => FailureReason::UnexpectedResponse {
                    missing: "an operation id",
                    source: response.to_service_error(),
                },
            },
            RegistrationStatus::Assigned => {
                let operation_id = operation_id.map(str::to_owned);
                match Assignment::from_state(response.registration_state().clone(), operation_id) {
                    Some(assignment) => return assigned(assignment),
                    None => FailureReason::UnexpectedResponse {
                        missing: "a registration state with the assigned hub and the device id",
                        source: response.to_service_error(),
                    },
                }
            }
            RegistrationStatus::Failed => FailureReason::RegistrationFailed(response.to_service_error()),
            RegistrationStatus::Disabled => FailureReason::Disabled(response.to_service_error()),
            RegistrationStatus::Other(status) => FailureReason::UnexpectedStatus {
                status: status.clone(),
                source: response.to_service_error(),
            },
        };
        failed(RegisterError::new(reason, phase, operation_id.map(str::to_owned)))
    }

    /// The service is working on it: queries the operation after the service's retry-after, or the default wait.
    fn poll(mut self, operation_id: String, response: &Response, context: &Context<'_>) -> (State, Step) {
        self.backoffs = 0;
        self.refusal = None;
        self.is_assigning = true;
        let retry_after = context.retry_after(response.retry_after());
        let retry_in = retry_after.unwrap_or(context.policy.first_wait());
        let event = StatusEvent::Assigning {
            operation_id: operation_id.clone(),
            retry_in,
        };
        self.schedule(Request::Query { operation_id }, retry_in, retry_after, event, context)
    }

    /// 429 and above: the same request again after the service's retry-after, or a wait that doubles.
    fn back_off(mut self, sent: Request, response: &Response, context: &Context<'_>) -> (State, Step) {
        self.refusal = Some(Box::new(response.to_service_error()));
        let retry_after = context.retry_after(response.retry_after());
        let retry_in = retry_after.unwrap_or_else(|| context.policy.backoff(self.backoffs, context.jitter));
        self.backoffs = match retry_after {
            Some(_) => 0,
            None => self.backoffs.saturating_add(1),
        };
        let event = StatusEvent::Throttled {
            status: response.status_code(),
            retry_in,
        };
        self.schedule(sent, retry_in, retry_after, event, context)
    }

    /// The same registration id is registering twice at the same time: sends the same request again, as often as the
    /// policy allows in one registration.
    pub(super) fn handle_simultaneous(
        mut self,
        sent: Request,
        error: &TransportError,
        context: &Context<'_>,
    ) -> (State, Step) {
        self.connected();
        self.backoffs = 0;
        self.refusal = error.service().cloned().map(Box::new);
        let retry_after = context.retry_after(error.service().and_then(ServiceError::retry_after));
        if self.simultaneous >= context.policy.simultaneous_retries {
            let phase = sent.phase();
            return self.give_up(&sent, phase, None, retry_after, context);
        }
        self.simultaneous += 1;
        let retry_in = context.policy.simultaneous_wait(retry_after, context.jitter);
        let event = StatusEvent::SimultaneousRegistration {
            attempt: self.simultaneous,
            retry_in,
        };
        self.schedule(sent, retry_in, retry_after, event, context)
    }

    /// Schedules `request`, or fails at once if the wait would end after the deadline.
    fn schedule(
        self,
        request: Request,
        retry_in: Duration,
        retry_after: Option<Duration>,
        event: StatusEvent,
        context: &Context<'_>,
    ) -> (State, Step) {
        match self.before_deadline(retry_in, context) {
            Some(at) => (State::Waiting(self, request, at), waiting(event, Action::Wait)),
            None => self.give_up(&request, Phase::Wait, None, retry_after, context),
        }
    }

    /// When to try again after this failure in this phase, and the event for it; `None` if the policy does not allow
    /// that. Not before `due`, when the request is to be sent.
    pub(super) fn try_again(
        &mut self,
        due: Duration,
        error: &TransportError,
        phase: Phase,
        context: &Context<'_>,
    ) -> Option<(Duration, StatusEvent)> {
        self.is_assigning = false;
        let waits_for_network = self.wait_for_network(error, context);
        waits_for_network.or_else(|| self.recover(due, error, phase, context))
    }

    /// The first connection was not made. The last try is at the end of the time that the policy allows.
    fn wait_for_network(&mut self, error: &TransportError, context: &Context<'_>) -> Option<(Duration, StatusEvent)> {
        if self.is_connected || error.kind() != ErrorKind::Connect || !error.is_retryable() {
            return None;
        }
        let until = self.started.saturating_add(context.policy.wait_for_network);
        let left = until.checked_sub(context.now).filter(|left| !left.is_zero())?;
        let attempt = self.failed_connects.saturating_add(1);
        // From the second of the policy's waits on there is jitter: many devices get their power back at the same time.
        let retry_in = context.policy.backoff(attempt, context.jitter).min(left);
        let at = self.before_deadline(retry_in, context)?;
        self.failed_connects = attempt;
        let event = StatusEvent::WaitingForNetwork {
            attempt,
            retry_in,
            cause: error.clone(),
        };
        Some((at, event))
    }

    /// The connection is lost, or does not answer. It is made again after a back-off.
    fn recover(
        &mut self,
        due: Duration,
        error: &TransportError,
        phase: Phase,
        context: &Context<'_>,
    ) -> Option<(Duration, StatusEvent)> {
        if self.recoveries >= context.policy.recovery.lost_connections || !self.can_recover_from(error, phase) {
            return None;
        }
        let backoff = context.policy.backoff(self.recoveries, context.jitter);
        let retry_in = backoff.max(due.saturating_sub(context.now));
        let at = self.before_deadline(retry_in, context)?;
        self.recoveries += 1;
        let event = StatusEvent::Recovering {
            attempt: self.recoveries,
            retry_in,
            cause: error.clone(),
        };
        Some((at, event))
    }

    /// Whether a new connection may mend this failure. A connection that cannot be made counts only while recovering:
    /// before the first connection nothing was lost.
    fn can_recover_from(&self, error: &TransportError, phase: Phase) -> bool {
        error.is_retryable()
            && match error.kind() {
                ErrorKind::Cancelled | ErrorKind::InvalidOperation => false,
                ErrorKind::Lost | ErrorKind::Timeout => true,
                // The service was reached and is not available for a connection: CONNACK 3, or 503 of a WebSocket.
                ErrorKind::Service | ErrorKind::Throttled if phase == Phase::Connect => true,
                _ => self.recoveries > 0,
            }
    }

    /// The deadline is reached or would pass during the wait, or the request was sent as often as is allowed. The
    /// service's last response is the reason.
    pub(super) fn give_up(
        self,
        request: &Request,
        phase: Phase,
        waiting: Option<Waiting>,
        retry_after: Option<Duration>,
        context: &Context<'_>,
    ) -> (State, Step) {
        let operation_id = request.operation_id().map(str::to_owned);
        let reason = match self.refusal.map(|refusal| *refusal) {
            Some(source) if source.is_simultaneous_registration() => {
                FailureReason::SimultaneousRegistration { retry_after, source }
            }
            Some(source) => match ErrorKind::of_status(source.status()) {
                ErrorKind::Throttled => FailureReason::Throttled { retry_after, source },
                _ => FailureReason::ServiceUnavailable { retry_after, source },
            },
            None => FailureReason::RegistrationTimedOut {
                timeout: context.policy.registration_timeout,
                retry_after,
                elapsed: context.now.saturating_sub(self.started),
                is_reached: self.is_reached || !is_before_tcp(waiting.as_ref(), self.failed_connects),
                waiting,
                assigning: operation_id.clone().filter(|_| self.is_assigning),
            },
        };
        failed(RegisterError::new(reason, phase, operation_id))
    }

    /// When a wait from now ends, if that is before the deadline.
    fn before_deadline(&self, wait: Duration, context: &Context<'_>) -> Option<Duration> {
        context.now.checked_add(wait).filter(|&at| at < self.deadline)
    }
}

/// Whether nothing is known to have stood: by what the request waits for, or as connecting failed between requests.
fn is_before_tcp(waiting: Option<&Waiting>, failed_connects: u32) -> bool {
    waiting.map_or(failed_connects > 0, |waiting| waiting.step.is_before_tcp())
}

/// Whether the service refused the request because the same registration id is registering twice at the same time.
pub(super) fn is_simultaneous(error: &TransportError) -> bool {
    error.is_retryable() && error.service().is_some_and(ServiceError::is_simultaneous_registration)
}

/// The transport failed, and the registration with it.
pub(super) fn transport_failed(sent: &Request, error: TransportError, phase: Phase) -> (State, Step) {
    let reason = match error.kind() {
        ErrorKind::Cancelled => FailureReason::OperationCancelled,
        _ => FailureReason::Transport(error),
    };
    let operation_id = sent.operation_id().map(str::to_owned);
    failed(RegisterError::new(reason, phase, operation_id))
}

/// The error of a request without a response, as if the transport had reported it.
pub(super) fn silence(error: &RegisterError) -> TransportError {
    TransportError::new(error.kind(), error.to_string())
        .with_hint(error.hint().to_owned())
        .in_phase(error.phase())
}

pub(super) fn failed(error: RegisterError) -> (State, Step) {
    let step = Step {
        outcome: Some(Err(error)),
        ..Step::default()
    };
    (State::Ready, step)
}

fn assigned(assignment: Assignment) -> (State, Step) {
    let step = Step {
        event: Some(StatusEvent::Assigned(assignment.clone())),
        outcome: Some(Ok(assignment)),
        next: Next::Continue,
    };
    (State::Ready, step)
}

/// Waits in this way until the machine is due.
pub(super) fn waiting(event: StatusEvent, action: Action) -> Step {
    Step {
        event: Some(event),
        ..Next::Start(action).into()
    }
}

//! One registration: what it remembers between its requests, and where each response and failure leads.

use std::time::Duration;

use provisioning_types::{
    Assignment, ErrorKind, Phase, RegistrationStatus, Request, Response, ServiceError, TransportError,
};

use super::{Action, Context, Next, State, Step};
use crate::{
    error::{FailureReason, RegisterError},
    event::StatusEvent,
};

#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// When the whole registration must have ended.
    deadline: Duration,
    /// How many responses of 429 and above without a retry-after came in a row.
    backoffs: u32,
    /// The last response, if it was 429 or above: the reason for a failure if the deadline is reached now.
    throttled: Option<ServiceError>,
    /// How many lost connections it has recovered from.
    recoveries: u32,
}

impl Attempt {
    pub(super) fn new(context: &Context<'_>) -> Self {
        Self {
            deadline: context.expiry(context.policy.registration_timeout),
            backoffs: 0,
            throttled: None,
            recoveries: 0,
        }
    }

    /// Sends the request. Its response must arrive within the operation's timeout, and before the deadline.
    pub(super) fn send(self, request: Request, context: &Context<'_>) -> (State, Step) {
        let respond_by = context.expiry(context.policy.operation_timeout).min(self.deadline);
        let step = Next::Start(Action::Send(request.clone())).into();
        (State::InFlight(self, request, respond_by), step)
    }

    /// The wait is over. The tick may come late, after the deadline.
    pub(super) fn send_scheduled(self, request: Request, phase: Phase, context: &Context<'_>) -> (State, Step) {
        if context.now < self.deadline {
            self.send(request, context)
        } else {
            self.deadline_exceeded(&request, phase, None, context)
        }
    }

    pub(super) fn handle_response(self, sent: Request, response: Response, context: &Context<'_>) -> (State, Step) {
        let phase = sent.phase();
        let operation_id = response.operation_id.as_deref().or(sent.operation_id());
        let operation_id = operation_id.map(str::to_owned);
        let reason = match (&response.status, operation_id.clone()) {
            _ if response.is_throttled() => return self.back_off(sent, &response, context),
            (RegistrationStatus::Registering, _) => return self.back_off(sent, &response, context),
            (RegistrationStatus::Assigning, Some(id)) => return self.poll(id, &response, context),
            (RegistrationStatus::Assigning, None) => FailureReason::UnexpectedResponse {
                missing: "an operation id",
                source: response.to_service_error(),
            },
            (RegistrationStatus::Assigned, operation_id) => {
                match Assignment::from_state(response.registration_state(), operation_id) {
                    Some(assignment) => return assigned(assignment),
                    None => FailureReason::UnexpectedResponse {
                        missing: "a registration state with the assigned hub and the device id",
                        source: response.to_service_error(),
                    },
                }
            }
            (RegistrationStatus::Failed, _) => FailureReason::RegistrationFailed(response.to_service_error()),
            (RegistrationStatus::Disabled, _) => FailureReason::Disabled(response.to_service_error()),
            (RegistrationStatus::Other(status), _) => FailureReason::UnexpectedStatus {
                status: status.clone(),
                source: response.to_service_error(),
            },
        };
        failed(reason, phase, operation_id)
    }

    /// The service is working on it: queries the operation after the service's retry-after, or the default wait.
    fn poll(mut self, operation_id: String, response: &Response, context: &Context<'_>) -> (State, Step) {
        self.backoffs = 0;
        self.throttled = None;
        let retry_after = retry_after(response, context);
        let retry_in = retry_after.unwrap_or(context.policy.default_wait);
        let event = StatusEvent::Assigning {
            operation_id: operation_id.clone(),
            retry_in,
        };
        self.schedule(Request::Query { operation_id }, retry_in, retry_after, event, context)
    }

    /// 429 and above: the same request again after the service's retry-after, or a wait that doubles.
    fn back_off(mut self, sent: Request, response: &Response, context: &Context<'_>) -> (State, Step) {
        self.throttled = Some(response.to_service_error());
        let retry_after = retry_after(response, context);
        let retry_in = retry_after.unwrap_or_else(|| context.policy.backoff(self.backoffs, context.jitter));
        self.backoffs = match retry_after {
            Some(_) => 0,
            None => self.backoffs.saturating_add(1),
        };
        let event = StatusEvent::Throttled {
            status: response.status_code,
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
            Some(at) => (State::Waiting(self, request, at), waiting(event)),
            None => self.deadline_exceeded(&request, Phase::Wait, retry_after, context),
        }
    }

    /// Whether the failure of a request is the loss of its connection. A connection that cannot be made counts only
    /// while recovering: before the first connection nothing was lost.
    pub(super) fn can_recover_from(&self, error: &TransportError) -> bool {
        match error.kind() {
            ErrorKind::Lost => true,
            ErrorKind::Connect | ErrorKind::Service => self.recoveries > 0,
            _ => false,
        }
    }

    /// The connection is lost. It is made again after a back-off, but not before `request` is due, if the policy allows
    /// one more recovery.
    pub(super) fn recover(
        mut self,
        request: Request,
        due: Duration,
        error: TransportError,
        phase: Phase,
        context: &Context<'_>,
    ) -> (State, Step) {
        let backoff = context.policy.backoff(self.recoveries, context.jitter);
        let retry_in = backoff.max(due.saturating_sub(context.now));
        let at = self.before_deadline(retry_in, context);
        let Some(at) = at.filter(|_| self.recoveries < context.policy.recovery.lost_connections) else {
            return transport_failed(&request, error, phase);
        };
        self.recoveries += 1;
        let event = StatusEvent::Recovering {
            attempt: self.recoveries,
            retry_in,
            cause: error,
        };
        (State::Waiting(self, request, at), waiting(event))
    }

    /// No response arrived before the operation's timeout, or before the deadline.
    pub(super) fn time_out(self, sent: &Request, phase: Phase, context: &Context<'_>) -> (State, Step) {
        if context.now >= self.deadline {
            return self.deadline_exceeded(sent, phase, None, context);
        }
        let timeout = context.policy.operation_timeout;
        failed(
            FailureReason::RequestTimedOut { timeout },
            phase,
            sent.operation_id().map(str::to_owned),
        )
    }

    /// The deadline is reached, or would be by waiting. The service's last response says whose fault that is.
    fn deadline_exceeded(
        self,
        request: &Request,
        phase: Phase,
        retry_after: Option<Duration>,
        context: &Context<'_>,
    ) -> (State, Step) {
        let reason = match self.throttled {
            Some(source) if ErrorKind::of_status(source.status()) == ErrorKind::Throttled => {
                FailureReason::Throttled { retry_after, source }
            }
            Some(source) => FailureReason::ServiceUnavailable { retry_after, source },
            None => FailureReason::RegistrationTimedOut {
                timeout: context.policy.registration_timeout,
                retry_after,
            },
        };
        failed(reason, phase, request.operation_id().map(str::to_owned))
    }

    /// When a wait from now ends, if that is before the deadline.
    fn before_deadline(&self, wait: Duration, context: &Context<'_>) -> Option<Duration> {
        context.now.checked_add(wait).filter(|&at| at < self.deadline)
    }
}

/// The transport failed, and the registration with it.
pub(super) fn transport_failed(sent: &Request, error: TransportError, phase: Phase) -> (State, Step) {
    let phase = error.phase().unwrap_or(phase);
    let reason = match error.kind() {
        ErrorKind::Cancelled => FailureReason::OperationCancelled,
        _ => FailureReason::Transport(error),
    };
    failed(reason, phase, sent.operation_id().map(str::to_owned))
}

fn failed(reason: FailureReason, phase: Phase, operation_id: Option<String>) -> (State, Step) {
    let step = Step {
        outcome: Some(Err(RegisterError::new(reason, phase, operation_id))),
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

fn waiting(event: StatusEvent) -> Step {
    Step {
        event: Some(event),
        ..Next::Start(Action::Wait).into()
    }
}

/// How long the service asks to wait: as given, or the floor for 0 and less; `None` when it does not say.
fn retry_after(response: &Response, context: &Context<'_>) -> Option<Duration> {
    let wait = response.retry_after?;
    Some(if wait.is_zero() {
        context.policy.wait_floor
    } else {
        wait
    })
}

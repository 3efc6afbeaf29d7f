//! A registration in progress: what it knows, and where each answer and failure leads.

use std::time::{Duration, Instant};

use provisioning_types::{Answer, AnswerStatus, Assignment, ErrorKind, Phase, ServiceError, TransportError};

use super::{Action, Context, InFlight, Output, State, Step, Waiting, rest};
use crate::{FailureReason, RegisterError, StatusEvent};

/// What a registration in progress knows.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// When the whole registration must have ended.
    deadline: Instant,
    /// Whether the connection stands, as far as is known.
    pub(super) connected: bool,
    /// How many answers of 429 and above without retry-after came in a row.
    unnamed_waits: u32,
    /// The last answer, if it was 429 or above: the reason if the limit is reached now.
    throttled: Option<ServiceError>,
    /// How many lost connections were recovered from.
    recoveries: u32,
}

/// What is asked of the service.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Register,
    Query { operation_id: String },
}

impl Request {
    pub(super) fn operation_id(&self) -> Option<String> {
        match self {
            Self::Register => None,
            Self::Query { operation_id } => Some(operation_id.clone()),
        }
    }
}

impl Work {
    pub(super) fn begin(connected: bool, context: &Context<'_>) -> Self {
        Self {
            deadline: after(context.now, context.policy.registration_limit),
            connected,
            unnamed_waits: 0,
            throttled: None,
            recoveries: 0,
        }
    }

    /// Sends the request; its answer must come within the operation's limit, and within what is left of the whole.
    pub(super) fn send(self, request: Request, context: &Context<'_>) -> Step {
        let answer_by = after(context.now, context.policy.operation_limit).min(self.deadline);
        let action = match request.operation_id() {
            None => Action::Register,
            Some(operation_id) => Action::Query { operation_id },
        };
        let state = match request {
            Request::Register => State::Registering,
            Request::Query { .. } => State::Polling,
        };
        (
            state(InFlight {
                work: self,
                request,
                answer_by,
            }),
            vec![Output::Act(action)],
        )
    }

    /// The wait is over. The tick may come late: then there may be no time left to ask.
    pub(super) fn waited(self, request: Request, context: &Context<'_>) -> Step {
        if context.now < self.deadline {
            return self.send(request, context);
        }
        let phase = if self.connected { Phase::Wait } else { Phase::Connect };
        self.out_of_time(phase, &request, None, context)
    }

    /// The service answered.
    pub(super) fn answered(mut self, asked: Request, answer: Answer, context: &Context<'_>) -> Step {
        self.connected = true;
        let operation_id = answer.operation_id.clone().or_else(|| asked.operation_id());
        let source = answer.to_service_error();
        let reason = match (&answer.status, &operation_id) {
            _ if answer.is_throttled() => return self.throttled(asked, &answer, context),
            (AnswerStatus::Registering, _) => return self.throttled(asked, &answer, context),
            (AnswerStatus::Assigning, Some(id)) => return self.assigning(id.clone(), &answer, context),
            (AnswerStatus::Assigning, None) => FailureReason::UnexpectedResponse {
                missing: "an operation id",
                source,
            },
            (AnswerStatus::Assigned, _) => {
                match Assignment::from_state(answer.registration_state(), operation_id.clone()) {
                    Some(assignment) => return self.assigned(assignment),
                    None => {
                        let missing = "a registration state with the assigned hub and the device id";
                        FailureReason::UnexpectedResponse { missing, source }
                    }
                }
            }
            (AnswerStatus::Failed, _) => FailureReason::RegistrationFailed(source),
            (AnswerStatus::Disabled, _) => FailureReason::Disabled(source),
            (AnswerStatus::Other(status), _) => FailureReason::UnexpectedStatus {
                status: status.clone(),
                source,
            },
        };
        let phase = self.phase_of(&asked);
        self.fail(RegisterError::new(reason, phase, operation_id))
    }

    fn assigned(self, assignment: Assignment) -> Step {
        let event = StatusEvent::Assigned(assignment.clone());
        (
            rest(self.connected),
            vec![Output::Emit(event), Output::Complete(Ok(assignment))],
        )
    }

    fn assigning(mut self, operation_id: String, answer: &Answer, context: &Context<'_>) -> Step {
        self.unnamed_waits = 0;
        self.throttled = None;
        let named = named_wait(answer, context);
        let wait = named.unwrap_or(context.policy.default_wait);
        let event = StatusEvent::Assigning {
            operation_id: operation_id.clone(),
            retry_in: wait,
        };
        self.wait(Request::Query { operation_id }, wait, named, event, context)
    }

    /// 429 and above: the same request again, after what the service says or a wait that doubles.
    fn throttled(mut self, asked: Request, answer: &Answer, context: &Context<'_>) -> Step {
        self.throttled = Some(answer.to_service_error());
        let named = named_wait(answer, context);
        let wait = match named {
            Some(wait) => {
                self.unnamed_waits = 0;
                wait
            }
            None => {
                self.unnamed_waits = self.unnamed_waits.saturating_add(1);
                context.policy.backoff(self.unnamed_waits - 1, context.jitter)
            }
        };
        let event = StatusEvent::Throttled {
            status: answer.code,
            retry_in: wait,
        };
        self.wait(asked, wait, named, event, context)
    }

    /// Waits to send `request`, unless that would be past the deadline: then waiting is of no use. When to come back is
    /// said only if the service `named` it.
    fn wait(
        self,
        request: Request,
        wait: Duration,
        named: Option<Duration>,
        event: StatusEvent,
        context: &Context<'_>,
    ) -> Step {
        match self.before_deadline(wait, context) {
            Some(at) => {
                let state = State::WaitingToPoll(Waiting {
                    work: self,
                    request,
                    at,
                });
                (state, vec![Output::Emit(event), Output::Act(Action::WatchConnection)])
            }
            None => self.out_of_time(Phase::Wait, &request, named, context),
        }
    }

    /// The request in flight failed.
    pub(super) fn failed(self, asked: Request, error: TransportError, context: &Context<'_>) -> Step {
        let recoverable = match error.kind() {
            ErrorKind::Lost => true,
            // What may happen on the way back, and only there: before the first connection nothing was lost.
            ErrorKind::Connect | ErrorKind::Service => self.recoveries > 0,
            _ => false,
        };
        let phase = self.phase_of(&asked);
        if recoverable {
            self.lost(asked, context.now, error, phase, context)
        } else {
            self.transport_failed(&asked, error, phase)
        }
    }

    /// The connection ended. It is made again after the back-off, but not before the request `asked` is due.
    pub(super) fn lost(
        mut self,
        asked: Request,
        due: Instant,
        error: TransportError,
        phase: Phase,
        context: &Context<'_>,
    ) -> Step {
        self.connected = false;
        let backoff = context.policy.backoff(self.recoveries, context.jitter);
        let wait = backoff.max(due.saturating_duration_since(context.now));
        let at = self.before_deadline(wait, context);
        let Some(at) = at.filter(|_| self.recoveries < context.policy.recovery.lost_connections) else {
            return self.transport_failed(&asked, error, phase);
        };
        self.recoveries += 1;
        let event = StatusEvent::Recovering {
            attempt: self.recoveries,
            retry_in: wait,
            cause: error,
        };
        let state = State::Recovering(Waiting {
            work: self,
            request: asked,
            at,
        });
        (state, vec![Output::Emit(event), Output::Act(Action::Rest)])
    }

    /// No answer in time: the operation's limit, or the whole registration's.
    pub(super) fn unanswered(self, asked: &Request, context: &Context<'_>) -> Step {
        let phase = self.phase_of(asked);
        if context.now >= self.deadline {
            return self.out_of_time(phase, asked, None, context);
        }
        let reason = FailureReason::TimedOut {
            limit: context.policy.operation_limit,
            retry_after: None,
        };
        self.fail(RegisterError::new(reason, phase, asked.operation_id()))
    }

    /// The registration's limit is reached, or would be by waiting: the service's last answer says whose fault it is.
    fn out_of_time(self, phase: Phase, asked: &Request, retry_after: Option<Duration>, context: &Context<'_>) -> Step {
        let reason = match self.throttled.clone() {
            Some(source) if ErrorKind::of_status(source.status()) == ErrorKind::Throttled => {
                FailureReason::Throttled { retry_after, source }
            }
            Some(source) => FailureReason::ServiceUnavailable { retry_after, source },
            None => FailureReason::TimedOut {
                limit: context.policy.registration_limit,
                retry_after,
            },
        };
        self.fail(RegisterError::new(reason, phase, asked.operation_id()))
    }

    fn transport_failed(mut self, asked: &Request, error: TransportError, phase: Phase) -> Step {
        self.connected &= !matches!(error.kind(), ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Lost);
        let phase = error.phase().unwrap_or(phase);
        let reason = match error.kind() {
            ErrorKind::Cancelled => FailureReason::OperationCancelled,
            _ => FailureReason::Transport(error),
        };
        self.fail(RegisterError::new(reason, phase, asked.operation_id()))
    }

    fn fail(self, error: RegisterError) -> Step {
        (rest(self.connected), vec![Output::Complete(Err(error))])
    }

    /// When `wait` from now is, if that is before the deadline.
    fn before_deadline(&self, wait: Duration, context: &Context<'_>) -> Option<Instant> {
        context.now.checked_add(wait).filter(|&at| at < self.deadline)
    }

    /// The step at which a request in flight stands.
    pub(super) fn phase_of(&self, asked: &Request) -> Phase {
        match asked {
            _ if !self.connected => Phase::Connect,
            Request::Register => Phase::Register,
            Request::Query { .. } => Phase::Poll,
        }
    }
}

/// What the service asks to wait: as given, the floor for 0 and below, `None` when it names nothing.
fn named_wait(answer: &Answer, context: &Context<'_>) -> Option<Duration> {
    let wait = answer.retry_after?;
    Some(if wait.is_zero() {
        context.policy.wait_floor
    } else {
        wait
    })
}

/// `duration` from `now`; a limit too long for the clock is as good as none.
pub(super) fn after(now: Instant, duration: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 86_400);
    now.checked_add(duration).unwrap_or(now + THIRTY_YEARS)
}

//! The effects of faults.

use std::time::Duration;

use serde_json::Value;

use super::{error::FaultError, step::Step};
use crate::retry_after::RetryAfter;

/// The largest body of [`Effect::OversizedBody`], in bytes.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// `refuse`: the step is refused: a reset at `tcp`, an alert at `tls`, a status at `upgrade`, a return code at
    /// `connack`, a failure at `suback`, a status and an error body at `answer`. The other acknowledgements have no
    /// refusal.
    Refuse {
        /// CONNACK's return code, 1 to 5, 3 unless given; the status of an upgrade or an answer, 300 to 599, 503
        /// unless given.
        code: Option<u16>,
        /// The `retry-after` of the refused answer, in seconds.
        retry_after: Option<u64>,
    },
    /// `delay`: the packet is sent later. Packets that are sent in the meantime overtake it.
    Delay(Duration),
    /// `withhold`: the packet is never sent.
    Withhold,
    /// `close`: the connection is closed in an orderly way instead.
    Close(Cut),
    /// `reset`: the connection is reset instead. In memory the device reads an error.
    Reset(Cut),
    /// `garbage`: random bytes are sent instead.
    Garbage,
    /// `split`: the bytes are sent in pieces, each flushed by itself: at `tcp`, `tls` and `upgrade` all bytes from
    /// there on; a packet becomes as many WebSocket frames.
    Split {
        /// The size of a piece, in bytes.
        size: usize,
        /// The time between two pieces.
        pause: Duration,
    },
    /// `join`: the packet is sent in one piece (one WebSocket frame) with the next packet.
    Join,
    /// `reorder`: the packet is sent after the next packet: at `puback`, after the answer.
    Reorder,
    /// `duplicate`: the packet is sent twice; an answer has a packet id of its own each time.
    Duplicate,
    /// `wrongRequestId`: the answer has another request id.
    WrongRequestId {
        /// The request id, as the topic has it; the right one with another digit unless given.
        request_id: Option<String>,
        /// Whether the right answer follows.
        beside: bool,
    },
    /// `foreignRequestId`: the answer has the request id of another device's latest request. If no other device has made
    /// a request, it is [`WrongRequestId`](Self::WrongRequestId).
    ForeignRequestId {
        /// Whether the right answer follows.
        beside: bool,
    },
    /// `assigning`: the answer says `assigning`, whatever the state of the registration is.
    Assigning,
    /// `body`: the answer has this body.
    Body(String),
    /// `truncatedBody`: the answer has the first half of its body.
    TruncatedBody,
    /// `oversizedBody`: the answer's body is filled up with spaces.
    OversizedBody {
        /// Its size, in bytes: 16 MiB at most.
        size: usize,
    },
    /// `error`: the request is answered with this error, and is not processed.
    Error {
        /// The status: 300 to 599.
        status: u16,
        /// The `errorCode` of the body.
        error_code: u32,
        /// The `message` of the body.
        message: String,
        /// The `retry-after` of the answer.
        retry_after: RetryAfter,
    },
    /// `polls`: the registration is completed by this query, counted from 1; with 0 by the request itself, with
    /// `u32::MAX` never.
    Polls(u32),
    /// `fail`: the registration ends as `failed`.
    Fail {
        /// The `errorCode` of the registration state.
        error_code: u32,
        /// The `errorMessage` of the registration state.
        message: String,
    },
    /// `disable`: the registration ends as `disabled`.
    Disable,
    /// `issue`: the answer to a signing request has this `issuedCertificateChain`, valid or not; none if there is no
    /// value.
    Issue(Option<Value>),
}

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Cut {
    /// At the step, before anything of it is sent.
    #[default]
    Now,
    /// After this number of bytes: of the packet, or at `tcp`, `tls` and `upgrade` of all bytes sent from there on.
    AfterSent(u64),
    /// After this number of bytes has been received; at `tcp`, `tls` and `upgrade` only.
    AfterReceived(u64),
}

impl Effect {
    /// Whether it changes the bytes that a layer carries, rather than its start.
    pub(crate) fn lasts(&self) -> bool {
        match self {
            Self::Close(cut) | Self::Reset(cut) => *cut != Cut::Now,
            Self::Split { .. } => true,
            _ => false,
        }
    }

    /// The only step at which it exists, if there is only one.
    pub(super) fn only_step(&self) -> Option<Step> {
        match self {
            Self::WrongRequestId { .. }
            | Self::ForeignRequestId { .. }
            | Self::Assigning
            | Self::Body(_)
            | Self::TruncatedBody
            | Self::OversizedBody { .. } => Some(Step::Answer),
            Self::Error { .. } => Some(Step::Request),
            Self::Polls(_) => Some(Step::Polling),
            Self::Fail { .. } | Self::Disable => Some(Step::Outcome),
            Self::Issue(_) => Some(Step::Certificate),
            _ => None,
        }
    }

    /// The name in a configuration, over HTTP and in the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Refuse { .. } => "refuse",
            Self::Delay(_) => "delay",
            Self::Withhold => "withhold",
            Self::Close(_) => "close",
            Self::Reset(_) => "reset",
            Self::Garbage => "garbage",
            Self::Split { .. } => "split",
            Self::Join => "join",
            Self::Reorder => "reorder",
            Self::Duplicate => "duplicate",
            Self::WrongRequestId { .. } => "wrongRequestId",
            Self::ForeignRequestId { .. } => "foreignRequestId",
            Self::Assigning => "assigning",
            Self::Body(_) => "body",
            Self::TruncatedBody => "truncatedBody",
            Self::OversizedBody { .. } => "oversizedBody",
            Self::Error { .. } => "error",
            Self::Polls(_) => "polls",
            Self::Fail { .. } => "fail",
            Self::Disable => "disable",
            Self::Issue(_) => "issue",
        }
    }

    pub(super) fn check(&self, step: Step) -> Result<(), FaultError> {
        let exists = match (self, self.only_step()) {
            (_, Some(only)) => step == only,
            (_, None) if step.is_of_service() => false,
            (Self::Refuse { .. }, None) => !matches!(step, Step::Unsuback | Step::Puback | Step::Pingresp),
            (Self::Join | Self::Reorder | Self::Duplicate, None) => !step.is_layer(),
            (_, None) => true,
        };
        if !exists {
            return Err(FaultError::Step {
                name: self.name(),
                step: step.name(),
            });
        }
        match self {
            Self::Refuse { code, retry_after } => {
                let codes = match step {
                    Step::Connack => Some(1..=5),
                    Step::Upgrade | Step::Answer => Some(300..=599),
                    _ => None,
                };
                match (code, codes) {
                    (Some(_), None) => return Err(FaultError::Parameter("code", step.name())),
                    (Some(code), Some(codes)) if !codes.contains(code) => {
                        return Err(FaultError::Code(*code, *codes.start(), *codes.end()));
                    }
                    _ => {}
                }
                if retry_after.is_some() && step != Step::Answer {
                    return Err(FaultError::Parameter("retryAfter", step.name()));
                }
            }
            Self::Error { status, .. } if !(300..=599).contains(status) => {
                return Err(FaultError::Code(*status, 300, 599));
            }
            Self::Close(Cut::AfterReceived(_)) | Self::Reset(Cut::AfterReceived(_)) if !step.is_layer() => {
                return Err(FaultError::Parameter("afterReceived", step.name()));
            }
            Self::Split { size: 0, .. } => return Err(FaultError::Size(0, 1, usize::MAX)),
            Self::OversizedBody { size } if *size > LARGEST_BODY => {
                return Err(FaultError::Size(*size, 0, LARGEST_BODY));
            }
            _ => {}
        }
        Ok(())
    }
}

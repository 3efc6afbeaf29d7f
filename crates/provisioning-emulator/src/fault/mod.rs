//! What can go wrong on purpose: faults by name, at a step, for a device, so many times.

mod answers;
mod error;
mod faults;
mod stream;
mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    answers::{Reply, wrong_answer},
    faults::{Faults, Who},
    stream::{Faulty, GARBAGE, begin},
    words::Words as FaultWords,
};
pub use error::FaultError;

/// Far more than a device takes, and no burden.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Something that goes wrong on purpose.
///
/// It strikes at its [`Step`], for any device unless [`device`](Self::device) names one, once unless
/// [`times`](Self::times) or [`always`](Self::always) says otherwise. At each step the first fault that fits strikes,
/// and no other: two faults for the same step strike one after the other.
///
/// In a configuration and over HTTP it is written with the same words:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use provisioning_emulator::{Cut, Effect, Fault, Step};
///
/// let words = r#"{"name": "close", "step": "connack", "afterSent": 2, "device": "device-1", "count": 3}"#;
/// let fault: Fault = serde_json::from_str(words)?;
/// let same = Fault::new(Effect::Close(Cut::AfterSent(2)), Step::Connack)?.device("device-1").times(3);
/// assert_eq!(fault, same);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "words::Words", into = "words::Words")]
pub struct Fault {
    effect: Effect,
    step: Step,
    device: Option<String>,
    /// How often it is still to strike; without end when there is none.
    left: Option<u32>,
}

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Step {
    /// The connection, as bytes on the wire. Nobody has said yet who it is: only a fault for any device strikes.
    Tcp,
    /// The TLS handshake, and the bytes within TLS. A fault for any device strikes before the handshake, one for a
    /// named device after it, when the client certificate has told who it is. Without TLS nothing strikes.
    Tls,
    /// The WebSocket upgrade, and the bytes from there on. A device is known by its client certificate only.
    Upgrade,
    /// CONNACK. From here on a device is known by the client id that it connects with.
    Connack,
    /// SUBACK.
    Suback,
    /// UNSUBACK.
    Unsuback,
    /// PUBACK.
    Puback,
    /// PINGRESP.
    Pingresp,
    /// The PUBLISH that answers a request.
    Answer,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// `refuse`: refused in the step's own way: a reset at `tcp`, an alert at `tls`, a status at `upgrade`, a return
    /// code at `connack`, a failure at `suback`, a status and an error body at `answer`. The other acknowledgements
    /// know no refusal.
    Refuse {
        /// CONNACK's return code, 1 to 5, 3 unless given; the status of an upgrade or an answer, 300 to 599, 503
        /// unless given.
        code: Option<u16>,
        /// What a refusing answer asks to wait, in seconds.
        retry_after: Option<u64>,
    },
    /// `delay`: so much later. Packets that are sent meanwhile overtake it.
    Delay(Duration),
    /// `withhold`: never sent.
    Withhold,
    /// `close`: the connection is closed in an orderly way, instead of what would be sent.
    Close(Cut),
    /// `reset`: the connection is reset, instead of what would be sent. In memory the device reads an error.
    Reset(Cut),
    /// `garbage`: bytes that mean nothing, instead of what would be sent.
    Garbage,
    /// `split`: what is sent goes out in pieces, each flushed by itself: at `tcp`, `tls` and `upgrade` everything from
    /// there on; a packet becomes so many WebSocket frames.
    Split {
        /// The size of a piece, in bytes.
        size: usize,
        /// The time between two pieces.
        pause: Duration,
    },
    /// `join`: kept, and sent in one piece (one WebSocket frame) with the next packet.
    Join,
    /// `reorder`: kept, and sent after the next packet: at `puback`, after the answer.
    Reorder,
    /// `duplicate`: sent twice; an answer has a packet id of its own each time.
    Duplicate,
    /// `wrongRequestId`: the answer has another request id.
    WrongRequestId {
        /// The request id, as the topic has it; the right one with a digit more unless given.
        request_id: Option<String>,
        /// Whether the right answer follows.
        beside: bool,
    },
    /// `foreignRequestId`: the answer has the request id of another device's latest request; while no other device has
    /// sent any, as [`WrongRequestId`](Self::WrongRequestId).
    ForeignRequestId {
        /// Whether the right answer follows.
        beside: bool,
    },
    /// `assigning`: the answer says `assigning`, whatever is the case. Always, it never ends.
    Assigning,
    /// `body`: the answer has this body.
    Body(String),
    /// `truncatedBody`: the answer's body ends in its middle.
    TruncatedBody,
    /// `oversizedBody`: the answer's body is filled up with spaces.
    OversizedBody {
        /// Its size, in bytes: 16 MiB at most.
        size: usize,
    },
}

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Cut {
    /// At the step, before anything of it is sent.
    #[default]
    Now,
    /// After this many bytes: of the packet, or at `tcp`, `tls` and `upgrade` of all that is sent from there on.
    AfterSent(u64),
    /// After this many bytes have been received; at `tcp`, `tls` and `upgrade` only.
    AfterReceived(u64),
}

impl Fault {
    /// This effect at this step, once, for any device.
    ///
    /// # Errors
    /// [`FaultError`] when the effect cannot be had at the step, or has a value that cannot be.
    pub fn new(effect: Effect, step: Step) -> Result<Self, FaultError> {
        effect.check(step)?;
        Ok(Self {
            effect,
            step,
            device: None,
            left: Some(1),
        })
    }

    /// Strikes only the device with this registration id, compared without case.
    #[must_use]
    pub fn device(mut self, registration_id: impl Into<String>) -> Self {
        self.device = Some(registration_id.into());
        self
    }

    pub(crate) fn named_device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// Strikes so many times.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.left = Some(count);
        self
    }

    /// Strikes every time.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }
}

impl Step {
    /// Whether it begins a layer of the connection; the others are packets.
    fn is_layer(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls | Self::Upgrade)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
            Self::Connack => "connack",
            Self::Suback => "suback",
            Self::Unsuback => "unsuback",
            Self::Puback => "puback",
            Self::Pingresp => "pingresp",
            Self::Answer => "answer",
        }
    }
}

impl Effect {
    /// Whether it is about the bytes that a layer carries, rather than about its beginning.
    pub(crate) fn lasts(&self) -> bool {
        match self {
            Self::Close(cut) | Self::Reset(cut) => *cut != Cut::Now,
            Self::Split { .. } => true,
            _ => false,
        }
    }

    /// Whether it changes what an answer says, so that there is one step only where it can happen.
    fn is_of_answers(&self) -> bool {
        matches!(
            self,
            Self::WrongRequestId { .. }
                | Self::ForeignRequestId { .. }
                | Self::Assigning
                | Self::Body(_)
                | Self::TruncatedBody
                | Self::OversizedBody { .. }
        )
    }

    pub(crate) fn word(&self) -> &'static str {
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
        }
    }

    fn check(&self, step: Step) -> Result<(), FaultError> {
        let fits = match self {
            Self::Refuse { .. } => !matches!(step, Step::Unsuback | Step::Puback | Step::Pingresp),
            Self::Join | Self::Reorder | Self::Duplicate => !step.is_layer(),
            _ => !self.is_of_answers() || step == Step::Answer,
        };
        if !fits {
            return Err(FaultError::Step {
                name: self.word(),
                step: step.word(),
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
                    (Some(_), None) => return Err(FaultError::Parameter("code", step.word())),
                    (Some(code), Some(codes)) if !codes.contains(code) => {
                        return Err(FaultError::Code(*code, *codes.start(), *codes.end()));
                    }
                    _ => {}
                }
                if retry_after.is_some() && step != Step::Answer {
                    return Err(FaultError::Parameter("retryAfter", step.word()));
                }
            }
            Self::Close(Cut::AfterReceived(_)) | Self::Reset(Cut::AfterReceived(_)) if !step.is_layer() => {
                return Err(FaultError::Parameter("afterReceived", step.word()));
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

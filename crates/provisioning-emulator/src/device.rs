//! What is to happen to one device: how it is answered, and what its certificate looks like.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::{AllocationPolicy, EmulatorError, Enrollment};

/// How a `retry-after` is written into an answer's topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// Left out.
    Absent,
    /// So many seconds.
    Seconds(u64),
    /// Any text, sensible or not.
    Verbatim(String),
}

impl RetryAfter {
    /// The rest of the topic's query.
    pub(crate) fn query(&self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Seconds(seconds) => format!("&retry-after={seconds}"),
            Self::Verbatim(text) => format!("&retry-after={text}"),
        }
    }
}

/// One device: unless told otherwise it is assigned, and has a valid certificate with an EC P-256 key.
#[derive(Clone)]
pub struct Device {
    pub(crate) registration_id: String,
    pub(crate) outcome: Outcome,
    pub(crate) polls: Option<u32>,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) certificate: CertificateKind,
    /// In base64. With any, the device has an enrollment of its own, for symmetric keys.
    pub(crate) symmetric_keys: Vec<String>,
    /// What it is answered to a CSR, where that is not the certificate.
    pub(crate) issued_chain: Option<Option<Value>>,
    /// What was given and cannot be used.
    mistake: Option<String>,
}

/// Where a registration ends.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Assigned,
    Refused {
        status: u16,
        error_code: u32,
        message: String,
    },
    Failed {
        error_code: u32,
        message: String,
    },
    Disabled,
}

/// How often a device's requests are turned away before they are served.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    pub(crate) status: u16,
    pub(crate) times: u32,
    pub(crate) retry_after: RetryAfter,
}

/// What is special about a device's certificate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CertificateKind {
    pub(crate) validity: Validity,
    pub(crate) key: KeyKind,
    pub(crate) intermediate: bool,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Validity {
    #[default]
    Now,
    Expired,
    NotYet,
}

/// The algorithm of a device's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeyKind {
    /// EC P-256.
    #[default]
    P256,
    /// EC P-384.
    P384,
}

impl Device {
    /// The device with this registration id, compared without case.
    pub fn new(registration_id: impl Into<String>) -> Self {
        Self {
            registration_id: registration_id.into(),
            outcome: Outcome::Assigned,
            polls: None,
            throttle: None,
            certificate: CertificateKind::default(),
            symmetric_keys: vec![],
            issued_chain: None,
            mistake: None,
        }
    }

    /// Reports what was given and cannot be used.
    pub(crate) fn check(&self) -> Result<(), EmulatorError> {
        match &self.mistake {
            None => Ok(()),
            Some(reason) => Err(EmulatorError::Device {
                registration_id: self.registration_id.clone(),
                reason: reason.clone(),
            }),
        }
    }

    /// Its own enrollment, if it has one.
    pub(crate) fn enrollment(&self) -> Option<Enrollment> {
        let [primary, secondary] = self.symmetric_keys.as_slice() else {
            return None;
        };
        let any_hub = Vec::<String>::new();
        let enrollment = Enrollment::individual(&self.registration_id).symmetric_keys(primary, secondary);
        Some(enrollment.hubs(any_hub, AllocationPolicy::Custom))
    }

    /// How many queries it needs: the last of them is answered with the outcome. With 0 the registration request
    /// itself is.
    #[must_use]
    pub fn polls_before_outcome(mut self, polls: u32) -> Self {
        self.polls = Some(polls);
        self
    }

    /// Is answered `assigning` for ever.
    #[must_use]
    pub fn never_assigned(self) -> Self {
        self.polls_before_outcome(u32::MAX)
    }

    /// Has its registration request refused with this status and error body.
    #[must_use]
    pub fn refused(mut self, status: u16, error_code: u32, message: impl Into<String>) -> Self {
        self.outcome = Outcome::Refused {
            status,
            error_code,
            message: message.into(),
        };
        self
    }

    /// Ends as `failed`, with this code and message in its registration state.
    #[must_use]
    pub fn failed(mut self, error_code: u32, message: impl Into<String>) -> Self {
        self.outcome = Outcome::Failed {
            error_code,
            message: message.into(),
        };
        self
    }

    /// Ends as `disabled`.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.outcome = Outcome::Disabled;
        self
    }

    /// Has its first `times` requests, of either kind, answered with `status` (429 or above).
    #[must_use]
    pub fn throttled(mut self, status: u16, times: u32, retry_after: RetryAfter) -> Self {
        self.throttle = Some(Throttle {
            status,
            times,
            retry_after,
        });
        self
    }

    /// Is enrolled by itself with these two symmetric keys, in base64: either is taken, a certificate is not.
    #[must_use]
    pub fn symmetric_keys(mut self, primary: impl Into<String>, secondary: impl Into<String>) -> Self {
        self.symmetric_keys = vec![primary.into(), secondary.into()];
        self
    }

    /// Is answered this as its `issuedCertificateChain`, sensible or not, when it sends a CSR. A chain that cannot be
    /// written as JSON is an error when the emulator starts.
    #[must_use]
    pub fn issued_certificate_chain(mut self, chain: impl Serialize) -> Self {
        match serde_json::to_value(chain) {
            Ok(chain) => self.issued_chain = Some(Some(chain)),
            Err(error) => self.mistake = Some(format!("the issued certificate chain is not JSON: {error}")),
        }
        self
    }

    /// Is answered no `issuedCertificateChain` at all when it sends a CSR.
    #[must_use]
    pub fn without_issued_certificate(mut self) -> Self {
        self.issued_chain = Some(None);
        self
    }

    /// Has a certificate that is no longer valid.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.certificate.validity = Validity::Expired;
        self
    }

    /// Has a certificate that is not valid yet.
    #[must_use]
    pub fn not_yet_valid(mut self) -> Self {
        self.certificate.validity = Validity::NotYet;
        self
    }

    /// Has a key of this kind.
    #[must_use]
    pub fn key(mut self, key: KeyKind) -> Self {
        self.certificate.key = key;
        self
    }

    /// Has a certificate that an intermediate CA signed, which its chain holds.
    #[must_use]
    pub fn through_an_intermediate(mut self) -> Self {
        self.certificate.intermediate = true;
        self
    }
}

impl fmt::Debug for Device {
    /// Without keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Device")
            .field("registration_id", &self.registration_id)
            .field("outcome", &self.outcome)
            .field("polls", &self.polls)
            .field("throttle", &self.throttle)
            .field("certificate", &self.certificate)
            .field("symmetric_keys", &self.symmetric_keys.len())
            .field("issued_chain", &self.issued_chain)
            .finish_non_exhaustive()
    }
}

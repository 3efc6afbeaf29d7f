//! A device that the emulator knows: shorthand for faults, an enrollment, and the properties of its certificate.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::{
    enrollment::{AllocationPolicy, Enrollment},
    error::EmulatorError,
    faults::{Effect, Fault, Step},
    identity::{CertificateSettings, KeyKind, Validity},
    retry_after::RetryAfter,
};

/// Describes a device for [`Builder::device`](crate::Builder::device), which translates it to [faults](Fault) for this
/// device and, with [`symmetric_keys`](Self::symmetric_keys), an enrollment.
///
/// Unless described otherwise, the device is assigned, and has a valid certificate with an EC P-256 key.
#[derive(Clone)]
pub struct Device {
    pub(crate) registration_id: String,
    pub(crate) certificate: CertificateSettings,
    /// At the step `request`, before `refusal`.
    throttling: Option<Throttling>,
    /// At the step `request`.
    refusal: Option<Effect>,
    polls: Option<u32>,
    outcome: Option<Effect>,
    issued_chain: Option<Option<Value>>,
    /// In base64.
    symmetric_keys: Option<[String; 2]>,
    /// Why an argument is invalid.
    mistake: Option<String>,
}

/// The first requests of a device, which are answered with an error.
#[derive(Debug, Clone)]
struct Throttling {
    times: u32,
    error: Effect,
}

impl Device {
    /// The device with this registration id, compared without case.
    pub fn new(registration_id: impl Into<String>) -> Self {
        Self {
            registration_id: registration_id.into(),
            certificate: CertificateSettings::default(),
            throttling: None,
            refusal: None,
            polls: None,
            outcome: None,
            issued_chain: None,
            symmetric_keys: None,
            mistake: None,
        }
    }

    /// The faults that this description is shorthand for, in the order in which they trigger.
    pub(crate) fn faults(&self) -> Result<Vec<Fault>, EmulatorError> {
        let invalid = |reason: String| EmulatorError::Device {
            registration_id: self.registration_id.clone(),
            reason,
        };
        if let Some(mistake) = &self.mistake {
            return Err(invalid(mistake.clone()));
        }
        let throttling = self.throttling.as_ref();
        let throttling = throttling.map(|it| (Step::Request, it.error.clone(), Some(it.times)));
        let always = [
            self.refusal.clone().map(|effect| (Step::Request, effect)),
            self.polls.map(|polls| (Step::Polling, Effect::Polls(polls))),
            self.outcome.clone().map(|effect| (Step::Outcome, effect)),
            self.issued_chain
                .clone()
                .map(|chain| (Step::Certificate, Effect::Issue(chain))),
        ];
        let always = always.into_iter().flatten().map(|(step, effect)| (step, effect, None));
        throttling
            .into_iter()
            .chain(always)
            .map(|(step, effect, times)| {
                let fault = Fault::new(effect, step).map_err(|error| invalid(error.to_string()))?;
                let fault = fault.device(&self.registration_id);
                Ok(match times {
                    Some(times) => fault.times(times),
                    None => fault.always(),
                })
            })
            .collect()
    }

    /// The enrollment that this description is shorthand for, if any.
    pub(crate) fn enrollment(&self) -> Option<Enrollment> {
        let [primary, secondary] = self.symmetric_keys.as_ref()?;
        let default_hubs = Vec::<String>::new();
        let enrollment = Enrollment::individual(&self.registration_id).symmetric_keys(primary, secondary);
        Some(enrollment.hubs(default_hubs, AllocationPolicy::Custom))
    }

    /// How many queries complete the registration; with 0, the request itself does.
    #[must_use]
    pub fn polls_before_outcome(mut self, polls: u32) -> Self {
        self.polls = Some(polls);
        self
    }

    /// Every answer says `assigning`.
    #[must_use]
    pub fn never_assigned(self) -> Self {
        self.polls_before_outcome(u32::MAX)
    }

    /// Every request is refused with this status (300 to 599) and error body.
    #[must_use]
    pub fn refused(mut self, status: u16, error_code: u32, message: impl Into<String>) -> Self {
        self.refusal = Some(Effect::Error {
            status,
            error_code,
            message: message.into(),
            retry_after: RetryAfter::Absent,
        });
        self
    }

    /// The registration ends as `failed`, with this code and message in the registration state.
    #[must_use]
    pub fn failed(mut self, error_code: u32, message: impl Into<String>) -> Self {
        let message = message.into();
        self.outcome = Some(Effect::Fail { error_code, message });
        self
    }

    /// The registration ends as `disabled`.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.outcome = Some(Effect::Disable);
        self
    }

    /// The first `times` requests, of either kind, are answered with `status` (429 or above).
    #[must_use]
    pub fn throttled(mut self, status: u16, times: u32, retry_after: RetryAfter) -> Self {
        let (error_code, message) = match status {
            429 => (429_001, "Operations are being throttled for this tenant."),
            _ => (u32::from(status) * 1000 + 1, "The service failed."),
        };
        let message = message.to_owned();
        self.throttling = Some(Throttling {
            times,
            error: Effect::Error {
                status,
                error_code,
                message,
                retry_after,
            },
        });
        self
    }

    /// Enrolls the device with these two symmetric keys, in base64: either is accepted, a certificate is not.
    #[must_use]
    pub fn symmetric_keys(mut self, primary: impl Into<String>, secondary: impl Into<String>) -> Self {
        self.symmetric_keys = Some([primary.into(), secondary.into()]);
        self
    }

    /// The answer to a CSR has this `issuedCertificateChain`, valid or not. A chain that cannot be written as JSON is
    /// an error when the emulator starts.
    #[must_use]
    pub fn issued_certificate_chain(mut self, chain: impl Serialize) -> Self {
        match serde_json::to_value(chain) {
            Ok(chain) => self.issued_chain = Some(Some(chain)),
            Err(error) => self.mistake = Some(format!("the issued certificate chain is not JSON: {error}")),
        }
        self
    }

    /// The answer to a CSR has no `issuedCertificateChain`.
    #[must_use]
    pub fn without_issued_certificate(mut self) -> Self {
        self.issued_chain = Some(None);
        self
    }

    /// The certificate has expired.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.certificate.validity = Validity::Expired;
        self
    }

    /// The certificate is not valid yet.
    #[must_use]
    pub fn not_yet_valid(mut self) -> Self {
        self.certificate.validity = Validity::NotYet;
        self
    }

    /// The certificate has a key of this kind.
    #[must_use]
    pub fn key(mut self, key: KeyKind) -> Self {
        self.certificate.key = key;
        self
    }

    /// An intermediate CA, which is in the chain, issues the certificate.
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
            .field("throttling", &self.throttling)
            .field("refusal", &self.refusal)
            .field("polls", &self.polls)
            .field("outcome", &self.outcome)
            .field("issued_chain", &self.issued_chain)
            .field("has_symmetric_keys", &self.symmetric_keys.is_some())
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

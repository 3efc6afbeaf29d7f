//! A `[[devices]]` table.

use serde::Deserialize;
use serde_json::Value;

use super::not_an_id;
use crate::{device::Device, identifiers::is_registration_id, identity::KeyKind, retry_after::RetryAfter};

/// One `[[devices]]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeviceTable {
    registration_id: String,
    polls: Option<u32>,
    #[serde(default)]
    never_assigned: bool,
    refused: Option<Refused>,
    failed: Option<Failed>,
    #[serde(default)]
    disabled: bool,
    throttled: Option<Throttled>,
    issued_certificate_chain: Option<Value>,
    #[serde(default)]
    without_issued_certificate: bool,
    #[serde(default)]
    certificate: Certificate,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refused {
    status: u16,
    error_code: u32,
    message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Failed {
    error_code: u32,
    message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Throttled {
    status: Option<u16>,
    times: u32,
    retry_after: Option<RetryAfter>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Certificate {
    expired: bool,
    not_yet_valid: bool,
    intermediate: bool,
    key: Key,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Key {
    #[default]
    P256,
    P384,
    #[cfg(feature = "rsa")]
    Rsa,
}

impl DeviceTable {
    /// The device, or which keys are invalid or exclude each other.
    pub(super) fn device(&self) -> Result<Device, String> {
        if !is_registration_id(&self.registration_id) {
            return Err(not_an_id(&self.registration_id));
        }
        self.check()
            .map_err(|message| format!("registrationId {}: {message}", self.registration_id))?;
        Ok(self.checked_device())
    }

    fn check(&self) -> Result<(), String> {
        let (refused, throttled) = (self.refused.as_ref(), self.throttled.as_ref());
        let statuses = [
            ("refused.status", refused.map(|refused| refused.status), 300),
            (
                "throttled.status",
                throttled.and_then(|throttled| throttled.status),
                429,
            ),
        ];
        for (key, status, least) in statuses {
            if let Some(status) = status.filter(|status| !(least..600).contains(status)) {
                return Err(format!("{key} is {status}; expected {least} to 599"));
            }
        }
        let never_assigned = ("neverAssigned", self.never_assigned);
        let outcomes = [
            never_assigned,
            ("refused", refused.is_some()),
            ("failed", self.failed.is_some()),
            ("disabled", self.disabled),
        ];
        let validity = [
            ("certificate.expired", self.certificate.expired),
            ("certificate.notYetValid", self.certificate.not_yet_valid),
        ];
        let chain = [
            ("issuedCertificateChain", self.issued_certificate_chain.is_some()),
            ("withoutIssuedCertificate", self.without_issued_certificate),
        ];
        let polls = [never_assigned, ("polls", self.polls.is_some())];
        for exclusive in [&outcomes[..], &validity, &chain, &polls] {
            let given: Vec<_> = exclusive
                .iter()
                .filter(|(_, given)| *given)
                .map(|(key, _)| *key)
                .collect();
            if given.len() > 1 {
                return Err(format!("expected only one of {}", given.join(", ")));
            }
        }
        Ok(())
    }

    fn checked_device(&self) -> Device {
        let mut device = Device::new(&self.registration_id);
        if let Some(polls) = self.polls {
            device = device.polls_before_outcome(polls);
        }
        if self.never_assigned {
            device = device.never_assigned();
        }
        if let Some(Refused {
            status,
            error_code,
            message,
        }) = &self.refused
        {
            device = device.refused(*status, *error_code, message);
        }
        if let Some(Failed { error_code, message }) = &self.failed {
            device = device.failed(*error_code, message);
        }
        if self.disabled {
            device = device.disabled();
        }
        if let Some(throttled) = &self.throttled {
            let retry_after = throttled.retry_after.clone().unwrap_or(RetryAfter::Absent);
            device = device.throttled(throttled.status.unwrap_or(429), throttled.times, retry_after);
        }
        if let Some(chain) = &self.issued_certificate_chain {
            device = device.issued_certificate_chain(chain.clone());
        }
        if self.without_issued_certificate {
            device = device.without_issued_certificate();
        }
        self.certificate.applied_to(device)
    }
}

impl Certificate {
    fn applied_to(&self, mut device: Device) -> Device {
        if self.expired {
            device = device.expired();
        }
        if self.not_yet_valid {
            device = device.not_yet_valid();
        }
        if self.intermediate {
            device = device.through_an_intermediate();
        }
        device.key(match self.key {
            Key::P256 => KeyKind::P256,
            Key::P384 => KeyKind::P384,
            #[cfg(feature = "rsa")]
            Key::Rsa => KeyKind::Rsa2048,
        })
    }
}

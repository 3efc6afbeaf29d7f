//! What to check first after a failed registration, in one sentence.

use provisioning_types::{Phase, WaitStep, Waiting};

use crate::error::{FailureReason, RegisterError};

impl RegisterError {
    /// What to check first, in one sentence.
    pub fn hint(&self) -> &str {
        match self.reason() {
            FailureReason::Transport(error) => error.hint(),
            FailureReason::RequestTimedOut { waiting, .. } => silence(waiting.as_ref(), self),
            FailureReason::RegistrationTimedOut { assigning: Some(_), .. } => {
                "the service was still assigning the device: register again, or allow more time for the whole registration"
            }
            FailureReason::RegistrationTimedOut { waiting, .. } => silence(waiting.as_ref(), self),
            FailureReason::RegistrationFailed(source) if source.is_transient() => source
                .hint()
                .unwrap_or("register again later: the service failed for a reason that may pass by itself"),
            _ => self
                .service()
                .and_then(|service| service.hint())
                .unwrap_or_else(|| self.kind().hint()),
        }
    }
}

/// The hint for a step that got no answer.
fn silence(waiting: Option<&Waiting>, error: &RegisterError) -> &'static str {
    let Some(waiting) = waiting else {
        return error.kind().hint();
    };
    match waiting.step {
        WaitStep::Delivery if error.phase() == Phase::Register => {
            "small packets were answered and the larger request was not: lower the MTU, in particular in a VPN or a \
             tunnel; or allow one more recovery (`--recover`), if the connection was idle before"
        }
        _ => waiting.hint(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provisioning_types::ErrorKind;

    use super::*;

    fn hint_of(step: WaitStep, peer: &str) -> String {
        let reason = FailureReason::RequestTimedOut {
            timeout: Duration::from_secs(30),
            waiting: Some(Waiting::new(step, peer)),
        };
        RegisterError::new(reason, Phase::Register, None).hint().to_owned()
    }

    #[test]
    fn the_fallback_is_proposed_for_the_port_of_mqtt_only() {
        assert!(hint_of(WaitStep::Tcp, "h:8883").contains("`dps --fallback`"));
        for peer in ["h:443", "proxy:3128"] {
            assert_eq!(hint_of(WaitStep::Tcp, peer), ErrorKind::Connect.hint());
        }
    }

    #[test]
    fn a_recovery_is_proposed_in_words_that_fit_when_some_were_used_up() {
        for step in [WaitStep::Delivery, WaitStep::Response] {
            assert!(hint_of(step, "h:8883").contains("allow one more recovery (`--recover`)"));
        }
    }
}

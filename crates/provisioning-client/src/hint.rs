//! What to check first after a failed registration, in one sentence.

use provisioning_types::{ErrorKind, Phase, WaitStep, Waiting};

use crate::error::{FailureReason, RegisterError};

/// The hint of the error: as the transport knows it, or else by the step that a limit ended, by the service's code, or
/// by the kind.
pub(crate) fn hint(error: &RegisterError) -> &str {
    match error.reason() {
        FailureReason::Transport(error) => error.hint(),
        FailureReason::RequestTimedOut { waiting, .. } => silence(waiting.as_ref(), error),
        FailureReason::RegistrationTimedOut { assigning: Some(_), .. } => {
            "the service was still assigning the device: register again, or allow more time for the whole registration"
        }
        FailureReason::RegistrationTimedOut { waiting, .. } => silence(waiting.as_ref(), error),
        FailureReason::RegistrationFailed(source) if source.is_transient() => source
            .hint()
            .unwrap_or("register again later: the service failed for a reason that may pass by itself"),
        _ => error
            .service()
            .and_then(|service| service.hint())
            .unwrap_or_else(|| error.kind().hint()),
    }
}

/// The hint for a step that got no answer.
fn silence(waiting: Option<&Waiting>, error: &RegisterError) -> &'static str {
    let Some(waiting) = waiting else {
        return error.kind().hint();
    };
    match waiting.step {
        WaitStep::Credential => {
            "check that what holds the device's key or credential answers (the key device, the key service, the files), \
             and whether other registrations keep it busy"
        }
        WaitStep::Resolve => "check the host name, and that the network's name servers answer",
        WaitStep::Tcp if !waiting.peer.ends_with(":8883") => ErrorKind::Connect.hint(),
        WaitStep::Tcp => {
            "check the host name, and whether a firewall drops the port 8883: open it, go on over a WebSocket \
             on 443 (`--fallback`), or use a proxy"
        }
        WaitStep::Proxy => "check the proxy's address, and that it may connect to the host and port of the service",
        WaitStep::Tls => {
            "the host accepts connections but does not answer: check that nothing in between (a firewall, a proxy, a VPN \
             whose MTU is too large) holds TLS back"
        }
        WaitStep::WebSocket => {
            "TLS stands but the WebSocket handshake is not answered: check that nothing in between holds WebSockets back"
        }
        WaitStep::Connack | WaitStep::Suback => {
            "the connection stands but MQTT is not answered: check that nothing in between inspects or delays it, and \
             the MTU if there is a VPN"
        }
        WaitStep::Delivery if error.phase() == Phase::Register => {
            "small packets were answered and the larger request was not: lower the MTU, in particular in a VPN or a \
             tunnel; or allow one more recovery (`--recover`), if the connection was idle before"
        }
        WaitStep::Delivery => {
            "the connection is dead without a sign, as when a NAT or a firewall has forgotten it: allow a recovery \
             (`--recover`), which connects again"
        }
        WaitStep::Response => {
            "the service has the request and does not respond: allow one more recovery (`--recover`), or register again later"
        }
        _ => ErrorKind::Timeout.hint(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert!(hint_of(WaitStep::Tcp, "h:8883").contains("`--fallback`"));
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

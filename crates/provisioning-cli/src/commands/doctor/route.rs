//! A port of the service and its protocol, and what a connection to it showed.

use std::net::IpAddr;

use provisioning_device::{AddressOutcome, Builder, InvalidInput, Probe, Scheme, ServiceUri, Transport};

use super::finding::Finding;
use crate::input::flags::Network;

/// A port and its protocol.
pub(super) struct Route {
    builder: Builder,
    transport: Transport,
    pub(super) port: u16,
    pub(super) port_check: &'static str,
    pub(super) tls_check: &'static str,
    pub(super) data_check: &'static str,
    /// Whether a registration would use it. If not, a problem is a warning.
    pub(super) needed: bool,
}

impl Route {
    /// MQTT to `asked`, or with the scheme's own port if that has another scheme.
    pub(super) fn mqtt(flags: &Network, asked: &ServiceUri, builder: Builder) -> Self {
        let uri = asked.with_scheme(Scheme::Mqtts);
        Self {
            port: uri.port(),
            builder: builder.with_endpoint(uri.endpoint().clone()),
            transport: Transport::Mqtt,
            port_check: "MQTT port",
            tls_check: "MQTT TLS",
            data_check: "MQTT data",
            needed: !flags.websocket && !flags.fallback,
        }
    }

    /// The WebSocket, likewise.
    pub(super) fn websocket(flags: &Network, asked: &ServiceUri, builder: Builder) -> Self {
        let uri = asked.with_scheme(Scheme::Wss);
        Self {
            port: uri.port(),
            builder: builder.with_endpoint(uri.endpoint().clone()),
            transport: Transport::MqttWs,
            port_check: "WebSocket port",
            tls_check: "WebSocket TLS",
            data_check: "WebSocket data",
            needed: flags.websocket || flags.fallback,
        }
    }

    pub(super) async fn probe(&self) -> Result<Probe, InvalidInput> {
        self.builder.probe(self.transport).await
    }

    /// A problem of a route that a registration would not use is a warning.
    pub(super) fn weighed(&self, finding: Finding) -> Finding {
        if self.needed { finding } else { finding.set_aside() }
    }

    /// The finding about a port that was reached.
    pub(super) fn reached(&self, probe: &Probe) -> Finding {
        let message = match probe.proxy() {
            Some(proxy) => format!("{} was reached through {proxy}", self.port),
            None => {
                let attempts = probe.attempts().iter();
                let outcomes = attempts.map(|attempt| (attempt.address().ip(), attempt.outcome()));
                format!("{} was reached directly{}", self.port, by_address(outcomes))
            }
        };
        Finding::ok(self.port_check, message)
    }
}

/// Which address connected, and what became of the others that were tried.
fn by_address<'a>(outcomes: impl Iterator<Item = (IpAddr, &'a AddressOutcome)>) -> String {
    let (mut connected, mut others) = (String::new(), vec![]);
    for (address, outcome) in outcomes {
        match outcome {
            AddressOutcome::Connected => connected = format!(" at {address}"),
            AddressOutcome::NotTried => {}
            AddressOutcome::Superseded => others.push(format!("{address} (no answer before that)")),
            outcome => others.push(format!("{address} ({outcome})")),
        }
    }
    match others.is_empty() {
        true => connected,
        false => format!("{connected}, and not at {}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_was_reached_says_by_which_address_and_which_others_did_not_answer() {
        let shown = |outcomes: &[AddressOutcome]| {
            let addresses = (1..).map(|last| IpAddr::from([192, 0, 2, last]));
            by_address(addresses.zip(outcomes))
        };
        assert_eq!(shown(&[AddressOutcome::Connected]), " at 192.0.2.1");
        assert_eq!(
            shown(&[
                AddressOutcome::Superseded,
                AddressOutcome::Refused,
                AddressOutcome::Connected,
                AddressOutcome::NotTried,
            ]),
            " at 192.0.2.3, and not at 192.0.2.1 (no answer before that), 192.0.2.2 (refused)"
        );
    }
}

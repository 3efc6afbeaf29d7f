//! Checks the network: the name of the service, its two ports, TLS and a full packet on each, and the clock.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use provisioning_device::{
    AddressOutcome, Builder, Credential, Endpoint, InvalidInput, Probe, Transport, TransportError, X509Credential,
    error_message, mqtt_probe,
};

use super::{
    clock,
    diagnosis::Diagnosis,
    finding::Finding,
    flight::{self, Limit, Reply},
    issuer,
};
use crate::input::{
    client::{endpoint, with_service},
    flags::Registration,
    options::Options,
};

/// The timeout of an answer, unless --connect-timeout is given.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// The routes to the service.
pub(super) struct Network {
    endpoint: Endpoint,
    trusted_by: &'static str,
    /// The timeout of an answer.
    timeout: Duration,
    /// How many bytes a registration would send.
    size: usize,
    has_certificate: bool,
    mqtt: Route,
    websocket: Route,
}

/// A port and its protocol.
struct Route {
    builder: Builder,
    transport: Transport,
    port: u16,
    port_check: &'static str,
    tls_check: &'static str,
    data_check: &'static str,
    /// Whether a registration would use it. If not, a problem is a warning.
    needed: bool,
}

impl Network {
    /// Checks what can be checked before any connection. The TLS handshakes present `certificate`.
    pub(crate) fn new(
        flags: &Registration,
        options: &Options<'_>,
        certificate: Option<X509Credential>,
    ) -> Result<Self, InvalidInput> {
        let network = &flags.network;
        let endpoint = endpoint(flags)?;
        let has_certificate = certificate.is_some();
        // A probe registers no device.
        let builder = options.probing_builder(certificate.map(Credential::from))?;
        let builder = with_service(builder, flags)?;
        options.build(builder.clone())?;
        // A port of the host is that of the transport that was asked for.
        let default = endpoint.clone().without_port();
        let (to_mqtt, to_websocket) = match network.websocket {
            true => (default, endpoint.clone()),
            false => (endpoint.clone(), default),
        };
        Ok(Self {
            trusted_by: match (&network.ca, &network.extra_ca) {
                (None, None) => "this machine",
                (None, Some(_)) => "this machine or --extra-ca",
                (Some(_), None) => "--ca",
                (Some(_), Some(_)) => "--ca or --extra-ca",
            },
            timeout: network.connect_timeout.unwrap_or(ANSWER_TIMEOUT),
            size: flight::size(options.payload_size()),
            has_certificate,
            mqtt: Route {
                port: to_mqtt.port().unwrap_or(8883),
                builder: builder.clone().with_endpoint(to_mqtt),
                transport: Transport::Mqtt,
                port_check: "MQTT port",
                tls_check: "MQTT TLS",
                data_check: "MQTT data",
                needed: !network.websocket && !network.fallback,
            },
            websocket: Route {
                port: to_websocket.port().or(to_websocket.websocket_port()).unwrap_or(443),
                builder: builder.with_endpoint(to_websocket),
                transport: Transport::MqttWs,
                port_check: "WebSocket port",
                tls_check: "WebSocket TLS",
                data_check: "WebSocket data",
                needed: network.websocket || network.fallback,
            },
            endpoint,
        })
    }

    /// Checks everything, and adds each finding at once.
    ///
    /// # Errors
    /// An input has changed since it was checked.
    pub(crate) async fn check(&self, diagnosis: &mut Diagnosis) -> Result<(), InvalidInput> {
        let mut mqtt = self.mqtt.probe().await?;
        let name = self.name(&mqtt);
        let is_resolved = name.failure().is_none();
        diagnosis.add(name);
        if !is_resolved {
            for check in [self.mqtt.port_check, self.websocket.port_check, clock::CHECK] {
                diagnosis.add(Finding::skipped(check, "the name was not resolved"));
            }
            return Ok(());
        }
        self.add(&self.mqtt, &mqtt, diagnosis);
        let connect = mqtt_probe::connect(self.size);
        let sent = self
            .send(&self.mqtt, &mut mqtt, &connect, mqtt_probe::is_answered)
            .await;
        diagnosis.add(self.data(&self.mqtt, sent.as_ref()));

        let mut websocket = self.websocket.probe().await?;
        self.add(&self.websocket, &websocket, diagnosis);
        let request = flight::head_request(&self.endpoint.server_name().to_string(), self.size);
        let sent = self
            .send(&self.websocket, &mut websocket, &request, flight::is_whole_head)
            .await;
        diagnosis.add(self.data(&self.websocket, sent.as_ref()));
        diagnosis.add(match sent {
            Some(Ok(Reply::Answer(head))) => clock::check(&head),
            Some(_) => Finding::skipped(clock::CHECK, "the service did not send its time"),
            None => Finding::skipped(clock::CHECK, "it needs TLS on the WebSocket's port"),
        });
        Ok(())
    }

    fn name(&self, probe: &Probe) -> Finding {
        let (check, host) = ("name", self.endpoint.host());
        if let Some(proxy) = probe.proxy() {
            return Finding::skipped(check, format!("the proxy {proxy} resolves it"));
        }
        match probe.error() {
            Some(error) if probe.addresses().is_empty() => Finding::failed(check, error),
            _ => {
                let addresses = probe.addresses().iter().map(|address| address.ip().to_string());
                let addresses: BTreeSet<_> = addresses.collect();
                let addresses: Vec<_> = addresses.into_iter().collect();
                Finding::ok(check, format!("{host} is {}", addresses.join(", ")))
            }
        }
    }

    /// Adds the findings of one probe.
    fn add(&self, route: &Route, probe: &Probe, diagnosis: &mut Diagnosis) {
        let (port, tls) = match probe.error() {
            Some(error) if !probe.is_reached() => {
                let failed = Finding::failed(route.port_check, error);
                (failed, Finding::skipped(route.tls_check, "the port was not reached"))
            }
            Some(error) => (route.reached(probe), Finding::failed(route.tls_check, error)),
            None => (route.reached(probe), Finding::ok(route.tls_check, self.trusted(probe))),
        };
        for finding in [port, tls] {
            diagnosis.add(route.weighed(finding));
        }
    }

    fn trusted(&self, probe: &Probe) -> String {
        let version = probe
            .tls_version()
            .map_or_else(String::new, |version| format!(" {version}"));
        let signer = issuer::name(probe.chain().last());
        let trusted_by = self.trusted_by;
        format!("TLS{version}; the server's certificate is signed by {signer}, which {trusted_by} trusts")
    }

    /// Sends as much as a registration would over the probe's stream, if TLS was completed.
    async fn send(
        &self,
        route: &Route,
        probe: &mut Probe,
        bytes: &[u8],
        is_complete: fn(&[u8]) -> bool,
    ) -> Option<Result<Reply, TransportError>> {
        let stream = probe.take_stream()?;
        let peer = format!("{}:{}", self.endpoint.host(), route.port);
        let limit = Limit {
            timeout: self.timeout,
            peer: &peer,
            has_certificate: self.has_certificate,
        };
        Some(flight::exchange(stream, bytes, is_complete, limit).await)
    }

    fn data(&self, route: &Route, sent: Option<&Result<Reply, TransportError>>) -> Finding {
        let (check, size) = (route.data_check, self.size);
        route.weighed(match sent {
            None => Finding::skipped(check, "TLS was not completed"),
            Some(Err(error)) => Finding::failed(check, error),
            Some(Ok(Reply::Answer(_))) => {
                Finding::ok(check, format!("{size} bytes that were sent at once were answered"))
            }
            Some(Ok(Reply::End(None))) => Finding::ok(
                check,
                format!("the service closed the connection after {size} bytes that were sent at once"),
            ),
            Some(Ok(Reply::End(Some(error)))) => {
                let message = format!("{size} bytes were sent at once, and {}", error_message(error));
                let hint = "a service may end it so; if a registration is lost too, look for a device on the way that \
                            ends connections";
                Finding::warning(check, message, hint)
            }
        })
    }
}

impl Route {
    async fn probe(&self) -> Result<Probe, InvalidInput> {
        self.builder.probe(self.transport).await
    }

    /// A problem of a route that a registration would not use is a warning.
    fn weighed(&self, finding: Finding) -> Finding {
        if self.needed { finding } else { finding.into_warning() }
    }

    fn reached(&self, probe: &Probe) -> Finding {
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

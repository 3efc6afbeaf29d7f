//! Checks the network: the name of the service, its two ports, TLS on each, and the clock.

use std::{collections::BTreeSet, time::Duration};

use provisioning_device::{BoxedStream, Builder, Endpoint, InvalidInput, Probe, Transport, error_message};
use tokio::time::timeout;

use super::{clock, diagnosis::Diagnosis, finding::Finding, issuer};
use crate::{
    input::{
        client::{endpoint, with_service},
        flags::Registration,
        options::Options,
    },
    output::failure::Failure,
};

/// The timeout of the request for the service's time.
const CLOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The routes to the service.
pub(super) struct Network {
    endpoint: Endpoint,
    trusted_by: &'static str,
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
    /// Whether a registration would use it. If not, a problem is a warning.
    needed: bool,
}

impl Network {
    /// Checks what can be checked before any connection.
    pub(crate) fn new(flags: &Registration, options: &Options<'_>) -> Result<Self, InvalidInput> {
        let network = &flags.network;
        let endpoint = endpoint(flags)?;
        // A probe registers no device.
        let builder = with_service(options.placeholder_builder("stand-in")?, flags)?;
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
            mqtt: Route {
                port: to_mqtt.port().unwrap_or(8883),
                builder: builder.clone().with_endpoint(to_mqtt),
                transport: Transport::Mqtt,
                port_check: "MQTT port",
                tls_check: "MQTT TLS",
                needed: !network.websocket && !network.fallback,
            },
            websocket: Route {
                port: to_websocket.port().or(to_websocket.websocket_port()).unwrap_or(443),
                builder: builder.with_endpoint(to_websocket),
                transport: Transport::MqttWs,
                port_check: "WebSocket port",
                tls_check: "WebSocket TLS",
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
        let mqtt = self.mqtt.probe().await?;
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
        let mut websocket = self.websocket.probe().await?;
        self.add(&self.websocket, &websocket, diagnosis);
        diagnosis.add(match websocket.take_stream() {
            Some(stream) => self.clock(stream).await,
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
            Some(error) if probe.addresses().is_empty() => {
                let hint = "check the spelling of the host, and this machine's DNS";
                Finding::failed(check, Failure::new(error.kind(), error_message(error)).with_hint(hint))
            }
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
                let failed = Finding::failed(route.port_check, Failure::from(error));
                (failed, Finding::skipped(route.tls_check, "the port was not reached"))
            }
            Some(error) => (
                route.reached(probe),
                Finding::failed(route.tls_check, Failure::from(error)),
            ),
            None => (route.reached(probe), Finding::ok(route.tls_check, self.trusted(probe))),
        };
        for finding in [port, tls] {
            diagnosis.add(if route.needed { finding } else { finding.into_warning() });
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

    async fn clock(&self, stream: BoxedStream) -> Finding {
        let host = self.endpoint.server_name().to_string();
        let finding = timeout(CLOCK_TIMEOUT, clock::check(stream, &host)).await;
        finding.unwrap_or_else(|_| {
            let seconds = CLOCK_TIMEOUT.as_secs();
            Finding::skipped(
                clock::CHECK,
                format!("the service did not send its time within {seconds} s"),
            )
        })
    }
}

impl Route {
    async fn probe(&self) -> Result<Probe, InvalidInput> {
        self.builder.probe(self.transport).await
    }

    fn reached(&self, probe: &Probe) -> Finding {
        let through = probe
            .proxy()
            .map_or_else(|| "directly".to_owned(), |proxy| format!("through {proxy}"));
        Finding::ok(self.port_check, format!("{} was reached {through}", self.port))
    }
}

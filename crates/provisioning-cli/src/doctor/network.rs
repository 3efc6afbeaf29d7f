//! The way to the service: its name, its two ports, who signed its certificate, its clock.

use std::{collections::BTreeSet, time::Duration};

use provisioning_device::{Builder, Endpoint, ErrorKind, InvalidInput, Probe, SymmetricKey, Transport, TransportError};
use tokio::time::timeout;

use super::{Notes, clock, finding::Finding, signer};
use crate::{
    args::Registration,
    failure::{Failure, sentence},
    inputs::{endpoint, on_the_way},
    options::Options,
};

/// How long the service may take to tell the time.
const CLOCK_LIMIT: Duration = Duration::from_secs(10);

/// The ways to one service.
pub(super) struct Network {
    endpoint: Endpoint,
    trusted_by: &'static str,
    mqtt: Way,
    websocket: Way,
}

/// One of the ways: a port, and what is spoken on it.
struct Way {
    builder: Builder,
    transport: Transport,
    port: u16,
    port_check: &'static str,
    tls_check: &'static str,
    /// Whether a registration would go this way; if not, it can do without.
    needed: bool,
}

impl Network {
    /// Checks what can be checked before any connection.
    pub(super) fn new(args: &Registration, options: &Options<'_>) -> Result<Self, InvalidInput> {
        let network = &args.network;
        let endpoint = endpoint(args)?;
        // Nobody is registered here, so anybody will do.
        let stand_in = SymmetricKey::from_base64("AA==")?;
        let builder = on_the_way(
            options.builder("stand-in", stand_in).with_registration_id("stand-in"),
            args,
        )?;
        builder.clone().build().map_err(|error| options.in_its_file(error))?;
        // The host's own port is that of the transport that was asked for.
        let default = endpoint.clone().without_port();
        let (to_mqtt, to_websocket) = match network.websocket {
            true => (default, endpoint.clone()),
            false => (endpoint.clone(), default),
        };
        Ok(Self {
            trusted_by: if network.ca.is_some() { "--ca" } else { "this machine" },
            mqtt: Way {
                port: to_mqtt.port().unwrap_or(8883),
                builder: builder.clone().with_endpoint(to_mqtt),
                transport: Transport::Mqtt,
                port_check: "MQTT port",
                tls_check: "MQTT TLS",
                needed: !network.websocket && !network.fallback,
            },
            websocket: Way {
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

    /// Tells what it finds as it finds it.
    pub(super) async fn look_at(&self, notes: &mut Notes) {
        let mqtt = match self.mqtt.probe().await {
            Ok(probe) => probe,
            Err(error) => return notes.take(Finding::failed(self.mqtt.port_check, error)),
        };
        let name = self.name(&mqtt);
        let resolved = !name.is_failure();
        notes.take(name);
        if !resolved {
            for check in [self.mqtt.port_check, self.websocket.port_check, clock::CHECK] {
                notes.take(Finding::skipped(check, "the name was not resolved"));
            }
            return;
        }
        self.tell(&self.mqtt, &mqtt, notes);
        let mut websocket = match self.websocket.probe().await {
            Ok(probe) => probe,
            Err(error) => return notes.take(Finding::failed(self.websocket.port_check, error)),
        };
        self.tell(&self.websocket, &websocket, notes);
        notes.take(match websocket.take_stream() {
            Some(stream) => {
                let host = self.endpoint.server_name().to_string();
                let asked = timeout(CLOCK_LIMIT, clock::look_at(stream, &host)).await;
                asked
                    .unwrap_or_else(|_| Finding::skipped(clock::CHECK, "the service did not tell the time within 10 s"))
            }
            None => Finding::skipped(
                clock::CHECK,
                "the WebSocket's port, which tells the time, was not reached",
            ),
        });
    }

    fn name(&self, probe: &Probe) -> Finding {
        let (check, host) = ("name", self.endpoint.host());
        if let Some(proxy) = probe.proxy() {
            return Finding::skipped(check, format!("the proxy {proxy} resolves it"));
        }
        let addresses: BTreeSet<_> = probe
            .addresses()
            .iter()
            .map(|address| address.ip().to_string())
            .collect();
        if !addresses.is_empty() {
            let addresses = addresses.into_iter().collect::<Vec<_>>().join(", ");
            return Finding::ok(check, format!("{host} is {addresses}"));
        }
        let hint = "check how the host is spelt, and this machine's DNS";
        Finding::failed(check, failed(probe.error(), hint))
    }

    /// What a probe showed of one way.
    fn tell(&self, way: &Way, probe: &Probe, notes: &mut Notes) {
        let soften = |finding: Finding| if way.needed { finding } else { finding.softened() };
        if !probe.is_reached() {
            let hint = "check the network and the proxy; a firewall may block the port: then try the other, with or \
                        without --websocket";
            notes.take(soften(Finding::failed(way.port_check, failed(probe.error(), hint))));
            notes.take(Finding::skipped(way.tls_check, "the port was not reached"));
            return;
        }
        let through = probe
            .proxy()
            .map_or_else(|| "directly".to_owned(), |proxy| format!("through {proxy}"));
        notes.take(Finding::ok(
            way.port_check,
            format!("{} was reached {through}", way.port),
        ));
        notes.take(match probe.error() {
            None => Finding::ok(way.tls_check, self.trusted(probe)),
            Some(error) => soften(Finding::failed(way.tls_check, failed(Some(error), untrusted(probe)))),
        });
    }

    fn trusted(&self, probe: &Probe) -> String {
        let signer = signer::of(probe.chain().last());
        let version = probe
            .tls_version()
            .map(|version| format!("TLS {version}, "))
            .unwrap_or_default();
        format!(
            "{version}the server's certificate is signed by {signer}, which {} trusts",
            self.trusted_by
        )
    }
}

impl Way {
    async fn probe(&self) -> Result<Probe, InvalidInput> {
        self.builder.probe(self.transport).await
    }
}

fn untrusted(probe: &Probe) -> &'static str {
    match probe.is_trusted() {
        Some(false) => {
            "is the host right? If TLS is inspected on the way, trust who does that with --extra-ca; a private \
             service's CA is given with --ca"
        }
        _ => "is this a TLS port, and the service's? Does a firewall cut TLS off?",
    }
}

fn failed(error: Option<&TransportError>, hint: &str) -> Failure {
    match error {
        Some(error) => Failure::found(error.kind(), sentence(error), hint),
        None => Failure::found(ErrorKind::Connect, "it was not reached", hint),
    }
}

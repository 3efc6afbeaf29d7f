//! The way to the service: its name, its two ports, who signed its certificate, its clock.

use std::{collections::BTreeSet, time::Duration};

use provisioning_device::{
    BoxedStream, Builder, Endpoint, InvalidInput, Probe, SymmetricKey, Transport, error_message,
};
use tokio::time::timeout;

use super::{Notes, clock, finding::Finding, signer};
use crate::{
    args::Registration,
    failure::Failure,
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
            trusted_by: match (&network.ca, &network.extra_ca) {
                (None, None) => "this machine",
                (None, Some(_)) => "this machine or --extra-ca",
                (Some(_), None) => "--ca",
                (Some(_), Some(_)) => "--ca or --extra-ca",
            },
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
    ///
    /// # Errors
    /// An input has changed since it was checked.
    pub(super) async fn look_at(&self, notes: &mut Notes) -> Result<(), InvalidInput> {
        let mqtt = self.mqtt.probe().await?;
        let name = self.name(&mqtt);
        let is_known = !name.is_failure();
        notes.take(name);
        if !is_known {
            for check in [self.mqtt.port_check, self.websocket.port_check, clock::CHECK] {
                notes.take(Finding::skipped(check, "the name was not resolved"));
            }
            return Ok(());
        }
        self.tell(&self.mqtt, &mqtt, notes);
        let mut websocket = self.websocket.probe().await?;
        self.tell(&self.websocket, &websocket, notes);
        notes.take(match websocket.take_stream() {
            Some(stream) => self.clock(stream).await,
            None => Finding::skipped(clock::CHECK, "it is asked for on the WebSocket's port, over TLS"),
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
                let hint = "check how the host is spelt, and this machine's DNS";
                Finding::failed(check, Failure::found(error.kind(), error_message(error), hint))
            }
            _ => {
                let addresses = probe.addresses().iter().map(|address| address.ip().to_string());
                let addresses: BTreeSet<_> = addresses.collect();
                let addresses: Vec<_> = addresses.into_iter().collect();
                Finding::ok(check, format!("{host} is {}", addresses.join(", ")))
            }
        }
    }

    /// What a probe showed of one way.
    fn tell(&self, way: &Way, probe: &Probe, notes: &mut Notes) {
        let (port, tls) = match probe.error() {
            Some(error) if !probe.is_reached() => {
                let failed = Finding::failed(way.port_check, Failure::from(error));
                (failed, Finding::skipped(way.tls_check, "the port was not reached"))
            }
            Some(error) => (way.reached(probe), Finding::failed(way.tls_check, Failure::from(error))),
            None => (way.reached(probe), Finding::ok(way.tls_check, self.trusted(probe))),
        };
        for finding in [port, tls] {
            notes.take(if way.needed { finding } else { finding.softened() });
        }
    }

    fn trusted(&self, probe: &Probe) -> String {
        let version = probe
            .tls_version()
            .map_or_else(String::new, |version| format!(" {version}"));
        let signer = signer::of(probe.chain().last());
        let trusted_by = self.trusted_by;
        format!("TLS{version}, the server's certificate is signed by {signer}, which {trusted_by} trusts")
    }

    async fn clock(&self, stream: BoxedStream) -> Finding {
        let host = self.endpoint.server_name().to_string();
        let asked = timeout(CLOCK_LIMIT, clock::look_at(stream, &host)).await;
        asked.unwrap_or_else(|_| {
            let limit = CLOCK_LIMIT.as_secs();
            Finding::skipped(
                clock::CHECK,
                format!("the service did not tell the time within {limit} s"),
            )
        })
    }
}

impl Way {
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

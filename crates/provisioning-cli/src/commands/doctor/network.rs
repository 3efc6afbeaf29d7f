//! Checks the network: the name of the service, its two ports, TLS and a full packet on each, and the clock.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use provisioning_device::{
    Credential, Endpoint, ErrorKind, InvalidInput, Probe, Scheme, ServiceUri, TransportError, X509Credential,
    error_message, mqtt_probe,
};

use super::{
    clock::{Evidence, WHEN_RIGHT},
    code::Code,
    diagnosis::Diagnosis,
    finding::Finding,
    flight::{self, Limit, Reply},
    http::Head,
    proxy,
    route::Route,
    server_certificate::issuer,
    tls,
    trusted::Trusted,
    validity::Validity,
};
use crate::{
    input::{
        client::{endpoint, with_service},
        flags::{self, Registration},
        options::Options,
    },
    output::failure::Failure,
};

/// The timeout of an answer, unless --connect-timeout is given.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// What became of bytes that were sent.
type Sent = Result<Reply, (Code, TransportError)>;

/// The routes to the service.
pub(super) struct Network<'a> {
    flags: &'a flags::Network,
    endpoint: Endpoint,
    trusted: Trusted,
    /// The timeout of an answer.
    timeout: Duration,
    /// How many bytes a registration would send.
    size: usize,
    has_certificate: bool,
    mqtt: Route,
    websocket: Route,
}

impl<'a> Network<'a> {
    /// Checks what can be checked before any connection. The TLS handshakes present `certificate`.
    pub(crate) fn new(
        flags: &'a Registration,
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
        let asked = match network.websocket {
            true => Scheme::Wss,
            false => Scheme::Mqtts,
        };
        let asked = ServiceUri::new(asked, endpoint.clone());
        Ok(Self {
            flags: network,
            trusted: Trusted::new(flags, options, &endpoint)?,
            timeout: network.connect_timeout.unwrap_or(ANSWER_TIMEOUT),
            size: flight::size(options.payload_size()),
            has_certificate,
            mqtt: Route::mqtt(network, &asked, builder.clone()),
            websocket: Route::websocket(network, &asked, builder),
            endpoint,
        })
    }

    /// Checks everything, and adds each finding at once. `evidence` has the dates of the credential. Returns whether
    /// TLS was completed on a port that a registration uses.
    ///
    /// # Errors
    /// An input has changed since it was checked.
    pub(crate) async fn check(&self, mut evidence: Evidence, diagnosis: &mut Diagnosis) -> Result<bool, InvalidInput> {
        if let Some(finding) = self.trusted.service_roots() {
            diagnosis.add(finding);
        }
        let mut mqtt = self.mqtt.probe().await?;
        let name = self.name(&mqtt);
        let is_resolved = !name.is_failed();
        diagnosis.add(name);
        if !is_resolved {
            for check in [self.mqtt.port_check, self.websocket.port_check] {
                diagnosis.add(Finding::skipped(check, "the name was not resolved"));
            }
            self.add_proxy(&[(self.mqtt.port, &mqtt)], diagnosis);
            evidence.head = Err("the name was not resolved");
            diagnosis.add(evidence.judge(SystemTime::now()));
            return Ok(false);
        }
        let connect = mqtt_probe::connect(self.size);
        let sent = self.check_route(&self.mqtt, &mut mqtt, &connect, mqtt_probe::is_answered, diagnosis);
        let (data, _) = sent.await;
        diagnosis.add(data);

        let mut websocket = self.websocket.probe().await?;
        let request = flight::head_request(&self.endpoint.server_name().to_string(), self.size);
        let is_complete = flight::is_whole_head;
        let sent = self.check_route(&self.websocket, &mut websocket, &request, is_complete, diagnosis);
        let (data, sent) = sent.await;
        if data.is_ok() && !self.flags.websocket {
            let port = self.websocket.port;
            let hint = format!("the WebSocket's port {port} answers: register with --fallback, or --websocket");
            diagnosis.add_hint(
                &[self.mqtt.port_check, self.mqtt.tls_check, self.mqtt.data_check],
                &hint,
            );
        }
        diagnosis.add(data);

        evidence.head = match sent {
            Some(Ok(Reply::Answer(head))) => Ok(head),
            Some(_) => Err("the service did not send its time"),
            None => Err("it needs TLS on the WebSocket's port"),
        };
        self.conclude(&mqtt, &websocket, evidence, diagnosis);
        let (by_mqtt, by_websocket) = (mqtt.error().is_none(), websocket.error().is_none());
        Ok(match (self.flags.websocket, self.flags.fallback) {
            (true, _) => by_websocket,
            (false, true) => by_mqtt || by_websocket,
            (false, false) => by_mqtt,
        })
    }

    /// Adds the findings of a probe, and sends `bytes` over its stream. Returns the finding about the answer, and the
    /// answer if TLS was completed.
    async fn check_route(
        &self,
        route: &Route,
        probe: &mut Probe,
        bytes: &[u8],
        is_complete: fn(&[u8]) -> bool,
        diagnosis: &mut Diagnosis,
    ) -> (Finding, Option<Sent>) {
        self.add(route, probe, diagnosis);
        let sent = self.send(route, probe, bytes, is_complete).await;
        (self.data(route, sent.as_ref()), sent)
    }

    /// Adds the findings that both probes together lead to: the proxy, a middlebox, the clock.
    fn conclude(&self, mqtt: &Probe, websocket: &Probe, mut evidence: Evidence, diagnosis: &mut Diagnosis) {
        let probes = [(self.mqtt.port, mqtt), (self.websocket.port, websocket)];
        self.add_proxy(&probes, diagnosis);
        let trusted = probes.iter().find(|(_, probe)| probe.is_trusted() == Some(true));
        if let Some(finding) = trusted.and_then(|(_, probe)| self.trusted.inspection(probe)) {
            diagnosis.add(finding);
        }
        evidence.server = probes.iter().find_map(|(_, probe)| Validity::of(probe.chain().next()?));
        let clock = evidence.judge(SystemTime::now());
        if clock.is_ok() {
            diagnosis.replace_hints(WHEN_RIGHT);
        }
        diagnosis.add(clock);
    }

    fn add_proxy(&self, probes: &[(u16, &Probe)], diagnosis: &mut Diagnosis) {
        let needed = if self.mqtt.needed { &self.mqtt } else { &self.websocket };
        if let Some(finding) = proxy::check(self.flags, &self.endpoint, needed.port, probes) {
            diagnosis.add(finding);
        }
    }

    fn name(&self, probe: &Probe) -> Finding {
        let (check, host) = ("name", self.endpoint.host());
        if let Some(proxy) = probe.proxy() {
            return Finding::skipped(check, format!("the proxy {proxy} resolves it"));
        }
        if host.ip().is_some() {
            return Finding::skipped(check, format!("{host} is an address"));
        }
        match probe.error() {
            Some(error) if probe.addresses().is_empty() => Finding::failed(check, unresolved(probe, error), error),
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
                let code = match error.kind() {
                    ErrorKind::Local => Code::LocalFailure,
                    _ => Code::PortNotReached,
                };
                let failed = Finding::failed(route.port_check, code, error);
                (failed, Finding::skipped(route.tls_check, "the port was not reached"))
            }
            Some(error) => {
                let (code, failure) = tls::failure(probe, error, &self.trusted, SystemTime::now());
                (route.reached(probe), Finding::failed(route.tls_check, code, failure))
            }
            None => (route.reached(probe), Finding::ok(route.tls_check, self.secured(probe))),
        };
        for finding in [port, tls] {
            diagnosis.add(route.weighed(finding));
        }
    }

    fn secured(&self, probe: &Probe) -> String {
        let version = probe
            .tls_version()
            .map_or_else(String::new, |version| format!(" {version}"));
        let signer = issuer(probe);
        let trusted_by = self.trusted.by;
        format!("TLS{version}; the server's certificate is signed by {signer}, which {trusted_by} trusts")
    }

    /// Sends as much as a registration would over the probe's stream, if TLS was completed.
    async fn send(
        &self,
        route: &Route,
        probe: &mut Probe,
        bytes: &[u8],
        is_complete: fn(&[u8]) -> bool,
    ) -> Option<Sent> {
        let stream = probe.take_stream()?;
        let peer = format!("{}:{}", self.endpoint.host(), route.port);
        let limit = Limit {
            timeout: self.timeout,
            peer: &peer,
            has_certificate: self.has_certificate,
        };
        Some(flight::exchange(stream, bytes, is_complete, limit).await)
    }

    fn data(&self, route: &Route, sent: Option<&Sent>) -> Finding {
        let (check, size) = (route.data_check, self.size);
        route.weighed(match sent {
            None => Finding::skipped(check, "TLS was not completed"),
            Some(Err((code, error))) => Finding::failed(check, *code, error),
            Some(Ok(Reply::Answer(answer))) => match Head::parse(answer).and_then(Head::redirect) {
                Some(target) => {
                    let message = format!("the server on port {} redirects to {target}", route.port);
                    let hint = "the service does not redirect: log in to the network if it has a login page, and check \
                                the host and the port";
                    let failure = Failure::new(ErrorKind::Refused, message).with_hint(hint);
                    Finding::failed(check, Code::Redirected, failure)
                }
                None => Finding::ok(check, format!("{size} bytes that were sent at once were answered")),
            },
            Some(Ok(Reply::End(None))) => Finding::ok(
                check,
                format!("the service closed the connection after {size} bytes that were sent at once"),
            ),
            Some(Ok(Reply::End(Some(error)))) => {
                let message = format!("{size} bytes were sent at once, and {}", error_message(error));
                let hint = "a service may end it so; if a registration is lost too, look for a device on the way that \
                            ends connections";
                let failure = Failure::new(error.kind(), message).with_hint(hint);
                Finding::warning(check, Code::DataCutOff, failure)
            }
        })
    }
}

/// The code of a name that was not resolved.
fn unresolved(probe: &Probe, error: &TransportError) -> Code {
    match error.kind() {
        ErrorKind::Local => Code::LocalFailure,
        _ if probe.is_resolver_silent() => Code::ResolverSilent,
        _ => Code::NameNotResolved,
    }
}

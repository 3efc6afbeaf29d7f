//! The settings of an emulator.

use std::{collections::BTreeMap, fmt, fs::File, net::IpAddr, path::PathBuf};

use crate::{
    device::Device,
    enrollment::Enrollment,
    faults::{ChaosSettings, Fault},
    identity::{Identities, KeyKind},
    net::TlsVersions,
    registration::{QuotaSettings, Rules},
    retry_after::RetryAfter,
};

/// Builds an [`Emulator`](crate::Emulator). Each method names its default.
pub struct Builder {
    pub(crate) id_scope: String,
    pub(crate) rules: Rules,
    pub(crate) tls_versions: TlsVersions,
    pub(crate) max_packet_size: usize,
    pub(crate) max_connections: usize,
    pub(crate) refuse_simultaneous: bool,
    pub(crate) webhook_ca: Option<Vec<u8>>,
    pub(crate) quotas: QuotaSettings,
    pub(crate) evaluate_queries: bool,
    pub(crate) hosts: Vec<String>,
    /// `None` keeps the kind of an existing certificate.
    pub(crate) server_key: Option<KeyKind>,
    pub(crate) listen: Option<IpAddr>,
    pub(crate) mqtt_port: u16,
    pub(crate) websocket_port: u16,
    pub(crate) control_port: Option<u16>,
    pub(crate) page_port: Option<u16>,
    pub(crate) page_listen: Option<IpAddr>,
    pub(crate) enrollments: Vec<Enrollment>,
    pub(crate) only_enrollments: bool,
    /// Those of a folder.
    pub(crate) identities: Option<Identities>,
    pub(crate) log_file: Option<File>,
    pub(crate) persist: Option<PathBuf>,
    pub(crate) chaos: Option<ChaosSettings>,
    pub(crate) faults: Vec<Fault>,
    /// By registration id in lower case.
    pub(crate) devices: BTreeMap<String, Device>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            id_scope: "0ne00000000".to_owned(),
            rules: Rules {
                polls: 1,
                retry_after: RetryAfter::Seconds(3),
                hubs: vec!["local-hub.azure-devices.net".to_owned()],
                connection_profile: "classic".to_owned(),
                strict_csr: false,
            },
            devices: BTreeMap::new(),
            tls_versions: TlsVersions::default(),
            max_packet_size: 256 * 1024,
            max_connections: 10_000,
            refuse_simultaneous: false,
            webhook_ca: None,
            quotas: QuotaSettings::default(),
            evaluate_queries: false,
            hosts: vec![],
            server_key: None,
            listen: None,
            mqtt_port: 0,
            websocket_port: 0,
            control_port: None,
            page_port: None,
            page_listen: None,
            enrollments: vec![],
            only_enrollments: false,
            identities: None,
            log_file: None,
            persist: None,
            chaos: None,
            faults: vec![],
        }
    }

    /// The id scope that devices must name; `0ne00000000` unless given.
    #[must_use]
    pub fn id_scope(mut self, id_scope: impl Into<String>) -> Self {
        self.id_scope = id_scope.into();
        self
    }

    /// How many queries complete a registration, 1 unless given: the answers to the request and to the queries before
    /// the last say `assigning`. With 0, the answer to the request has the assignment.
    #[must_use]
    pub fn polls_before_assigning(mut self, polls: u32) -> Self {
        self.rules.polls = polls;
        self
    }

    /// The `retry-after` of answers that say `assigning`; 3 s unless given, as the live service has it.
    #[must_use]
    pub fn retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.rules.retry_after = retry_after;
        self
    }

    /// The hub that devices are assigned to; `local-hub.azure-devices.net` unless given.
    #[must_use]
    pub fn assigned_hub(self, hub: impl Into<String>) -> Self {
        self.hubs([hub])
    }

    /// The hubs of enrollments that have none.
    #[must_use]
    pub fn hubs<H: Into<String>>(mut self, hubs: impl IntoIterator<Item = H>) -> Self {
        self.rules.hubs = hubs.into_iter().map(Into::into).collect();
        self
    }

    /// The `connectionProfile` of assignments, for api-versions from 2026-11-02 on; `classic` unless given.
    #[must_use]
    pub fn connection_profile(mut self, profile: impl Into<String>) -> Self {
        self.rules.connection_profile = profile.into();
        self
    }

    /// Enrolls a device or a group, beside the two built-in groups: all devices whose certificates the emulator's CA
    /// signed (`local-devices`), and all devices whose keys are derived from its group key (`local-keys`). A device's
    /// own enrollment takes precedence over a group's.
    #[must_use]
    pub fn enrollment(mut self, enrollment: Enrollment) -> Self {
        self.enrollments.push(enrollment);
        self
    }

    /// Removes the two built-in groups: only enrolled devices may register.
    #[must_use]
    pub fn only_enrollments(mut self) -> Self {
        self.only_enrollments = true;
        self
    }

    /// Adds the faults, and the enrollment if there is one, that a description is shorthand for.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.devices.insert(device.registration_id.to_ascii_lowercase(), device);
        self
    }

    /// Whether a signing request must have an EC P-384 key, as the documentation of the service says. Unless given, every
    /// key is accepted, as the live service does.
    #[must_use]
    pub fn strict_csr(mut self, strict: bool) -> Self {
        self.rules.strict_csr = strict;
        self
    }

    /// Whether a registration is refused (409, error code 409203) while the device has an unfinished one on another open
    /// connection, as the service does; `false` unless given.
    ///
    /// A new connection of a device ends its other connections, except one with an unfinished registration if these are
    /// refused.
    #[must_use]
    pub fn refuse_simultaneous_registrations(mut self, refuse: bool) -> Self {
        self.refuse_simultaneous = refuse;
        self
    }

    /// How many registration requests are served in a minute, of all devices together; no limit unless given. The service
    /// has 1,000. Further requests are answered with 429.
    #[must_use]
    pub fn registrations_per_minute(mut self, limit: u32) -> Self {
        self.quotas.registrations = Some(limit);
        self
    }

    /// How many queries of each device are served in 10 s; no limit unless given. The service has 5. Further queries are
    /// answered with 429.
    #[must_use]
    pub fn queries_per_10_s(mut self, limit: u32) -> Self {
        self.quotas.queries = Some(limit);
        self
    }

    /// The `retry-after` of requests over a quota; unless given, the time until the request would be served.
    #[must_use]
    pub fn quota_retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.quotas.retry_after = Some(retry_after);
        self
    }

    /// The CA that webhooks over HTTPS are verified with, PEM or DER; unless given, the roots of the platform (feature
    /// `platform-roots`).
    #[must_use]
    pub fn webhook_ca(mut self, ca: impl AsRef<[u8]>) -> Self {
        self.webhook_ca = Some(ca.as_ref().to_vec());
        self
    }

    /// Whether the control endpoint evaluates the text of queries; `false` unless given, as the service does: every query
    /// returns all items.
    #[must_use]
    pub fn evaluate_queries(mut self, evaluate: bool) -> Self {
        self.evaluate_queries = evaluate;
        self
    }

    /// The versions of TLS; 1.2 and 1.3 unless given.
    #[must_use]
    pub fn tls_versions(mut self, versions: TlsVersions) -> Self {
        self.tls_versions = versions;
        self
    }

    /// The largest MQTT packet that a device may send, in bytes; 256 KiB unless given.
    #[must_use]
    pub fn max_packet_size(mut self, bytes: usize) -> Self {
        self.max_packet_size = bytes;
        self
    }

    /// How many connections devices may have at the same time, over MQTT, WebSocket and HTTPS together; 10,000 unless
    /// given. Further connections are reset, and logged. Of the control endpoint there may be 512, and 128 of the page.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Adds a name or an address to the server's certificate, beside `localhost`, the loopback addresses and the
    /// address to listen on.
    #[must_use]
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// The kind of the key of the server's certificate; unless given, that of the certificate in the folder, else EC
    /// P-256.
    #[must_use]
    pub fn server_key(mut self, kind: KeyKind) -> Self {
        self.server_key = Some(kind);
        self
    }

    /// Listens on this address; on loopback, both families, unless given.
    #[must_use]
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// The port of MQTT over TLS; a free one unless given.
    #[must_use]
    pub fn mqtt_port(mut self, port: u16) -> Self {
        self.mqtt_port = port;
        self
    }

    /// The port of MQTT over WebSocket and of the HTTPS device API; a free one unless given.
    #[must_use]
    pub fn websocket_port(mut self, port: u16) -> Self {
        self.websocket_port = port;
        self
    }

    /// Also serves the service's REST API, over HTTPS; 0 selects a free port. Off unless given.
    /// [`Emulator::connection_string`](crate::Emulator::connection_string) has what callers need.
    #[must_use]
    pub fn control_port(mut self, port: u16) -> Self {
        self.control_port = Some(port);
        self
    }

    /// Also serves a page for browsers, over plain HTTP, on loopback unless [`page_listen`](Self::page_listen) is given;
    /// 0 selects a free port. Off unless given. [`Emulator::page_url`](crate::Emulator::page_url) opens it.
    #[must_use]
    pub fn page_port(mut self, port: u16) -> Self {
        self.page_port = Some(port);
        self
    }

    /// The address that the page listens on, for a container whose page is looked at from outside; loopback, both
    /// families, unless given. Everything that reaches it can then read the page, but only the holder of the token in
    /// [`Emulator::page_url`](crate::Emulator::page_url) can change something.
    #[must_use]
    pub fn page_listen(mut self, address: IpAddr) -> Self {
        self.page_listen = Some(address);
        self
    }

    /// Appends the log to this file too, one JSON object a line. A thread writes it, and
    /// [`Emulator::shutdown`](crate::Emulator::shutdown) waits for it. While its reader stalls, or it cannot be written, lines
    /// are dropped, and then counted in the log.
    #[must_use]
    pub fn log_file(mut self, file: File) -> Self {
        self.log_file = Some(file);
        self
    }

    /// Keeps enrollments and completed registrations in this file, which the next emulator with it reads: with etags and
    /// assignments. Nothing is kept unless given.
    ///
    /// Changes are appended by a thread, and no answer that says a device is registered, or that a change was made at the
    /// control endpoint, is sent before the change is on the disk: the end of the process loses none of them, however it
    /// ends. A change that cannot be written is in effect; the next change and the shutdown try again. Calls of this library, such as [`Emulator::enroll`](crate::Emulator::enroll), do not wait;
    /// [`Emulator::shutdown`](crate::Emulator::shutdown) does. On Unix the file has mode 0600, and is locked: beside it is
    /// an empty `.lock`.
    ///
    /// What the file holds takes precedence over the enrollments of this builder, except those that are new, changed or
    /// gone since. Faults, the log and unfinished registrations are not kept.
    #[must_use]
    pub fn persist(mut self, file: impl Into<PathBuf>) -> Self {
        self.persist = Some(file.into());
        self
    }

    /// Adds a fault; see [`Emulator::inject`](crate::Emulator::inject).
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Selects a fault at each step with this probability (0 to 1; NaN counts as 0), of those that the step has, unless a
    /// fault that was added matches. The same seed and the same order of steps have the same faults. Each is in the log, in
    /// full, as a configuration has it. Off unless given.
    #[must_use]
    pub fn chaos(mut self, probability: f64, seed: u64) -> Self {
        let probability = if probability.is_nan() {
            0.0
        } else {
            probability.clamp(0.0, 1.0)
        };
        self.chaos = ChaosSettings::new(probability, Some(seed)).ok();
        self
    }

    /// The names in the server's certificate beside `localhost` and the loopback addresses.
    pub(crate) fn names(&self) -> Vec<String> {
        let listen = self.listen.filter(|address| !address.is_unspecified());
        let listen = listen.map(|address| address.to_string());
        self.hosts.iter().cloned().chain(listen).collect()
    }
}

impl fmt::Debug for Builder {
    /// Without keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("id_scope", &self.id_scope)
            .field("hosts", &self.hosts)
            .field("listen", &self.listen)
            .field("mqtt_port", &self.mqtt_port)
            .field("websocket_port", &self.websocket_port)
            .field("control_port", &self.control_port)
            .field("page_port", &self.page_port)
            .field("page_listen", &self.page_listen)
            .field("enrollments", &self.enrollments)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

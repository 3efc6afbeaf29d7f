//! The settings of an emulator.

use std::{collections::BTreeMap, fmt, fs::File, net::IpAddr, sync::Arc, time::SystemTime};

use crate::{
    config::Device,
    emulator::Emulator,
    enrollment::{AllocationPolicy, Enrollment, Enrollments},
    error::EmulatorError,
    faults::Fault,
    identity::{Authority, Key, KeyKind, ServerIdentity},
    log::Log,
    net::{self, TlsVersions},
    port::Port,
    registration::{Registry, Rules},
    retry_after::RetryAfter,
    service::{Parts, Service},
};

/// Builds an [`Emulator`]. Each method names its default.
pub struct Builder {
    id_scope: String,
    rules: Rules,
    tls_versions: TlsVersions,
    max_packet_size: usize,
    max_connections: usize,
    refuse_simultaneous: bool,
    evaluate_queries: bool,
    pub(crate) hosts: Vec<String>,
    /// `None` keeps the kind of an existing certificate.
    pub(crate) server_key: Option<KeyKind>,
    pub(crate) listen: Option<IpAddr>,
    pub(crate) mqtt_port: u16,
    pub(crate) websocket_port: u16,
    pub(crate) control_port: Option<u16>,
    pub(crate) page_port: Option<u16>,
    enrollments: Vec<Enrollment>,
    only_enrollments: bool,
    authority: Option<Authority>,
    group_key: Option<Key>,
    control_key: Option<Key>,
    server: Option<ServerIdentity>,
    log_file: Option<File>,
    faults: Vec<Fault>,
    /// By registration id in lower case.
    devices: BTreeMap<String, Device>,
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
            evaluate_queries: false,
            hosts: vec![],
            server_key: None,
            listen: None,
            mqtt_port: 0,
            websocket_port: 0,
            control_port: None,
            page_port: None,
            enrollments: vec![],
            only_enrollments: false,
            authority: None,
            group_key: None,
            control_key: None,
            server: None,
            log_file: None,
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

    /// How many connections there may be at the same time; 10,000 unless given. Further connections are reset, and logged.
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

    /// The port of MQTT over WebSocket; a free one unless given.
    #[must_use]
    pub fn websocket_port(mut self, port: u16) -> Self {
        self.websocket_port = port;
        self
    }

    /// Also serves the service's REST API, over HTTPS; 0 selects a free port. Off unless given.
    /// [`Emulator::connection_string`] has what callers need.
    #[must_use]
    pub fn control_port(mut self, port: u16) -> Self {
        self.control_port = Some(port);
        self
    }

    /// Also serves a page for browsers, over plain HTTP, on loopback only; 0 selects a free port. Off unless given.
    #[must_use]
    pub fn page_port(mut self, port: u16) -> Self {
        self.page_port = Some(port);
        self
    }

    /// Appends the log to this file too, one JSON object a line. A thread writes it; [`Emulator::shutdown`] waits for
    /// it. While its reader stalls, lines are dropped, and then counted in the log.
    #[must_use]
    pub fn log_file(mut self, file: File) -> Self {
        self.log_file = Some(file);
        self
    }

    /// Adds a fault; see [`Emulator::inject`].
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Uses the certificates and the control endpoint's key of an earlier run.
    pub(crate) fn identities(
        mut self,
        authority: Authority,
        server: ServerIdentity,
        control_key: Key,
        group_key: Key,
    ) -> Self {
        self.group_key = Some(group_key);
        self.authority = Some(authority);
        self.control_key = Some(control_key);
        self.server = Some(server);
        self
    }

    /// Starts listening.
    ///
    /// # Errors
    /// [`EmulatorError::Listen`] when a port is taken or not allowed, and those of
    /// [`start_in_memory`](Self::start_in_memory).
    pub async fn start(self) -> Result<Emulator, EmulatorError> {
        let listen = self.listen;
        let ports = [
            (Port::Mqtt, Some(self.mqtt_port)),
            (Port::WebSocket, Some(self.websocket_port)),
            (Port::Control, self.control_port),
            (Port::Page, self.page_port),
        ];
        let mut emulator = self.start_in_memory()?;
        for (port, number) in ports {
            if let Some(number) = number {
                emulator.listen(listen, port, number).await?;
            }
        }
        Ok(emulator)
    }

    /// Starts without listening anywhere: devices connect through [`Emulator::connect`].
    ///
    /// # Errors
    /// [`EmulatorError::Certificate`] when a host's name does not fit into a certificate,
    /// [`EmulatorError::Enrollment`] or [`EmulatorError::Device`] if an enrollment or a device is invalid.
    pub fn start_in_memory(self) -> Result<Emulator, EmulatorError> {
        check_clock(SystemTime::now())?;
        let names = self.names();
        let authority = Arc::new(self.authority.map_or_else(Authority::generate, Ok)?);
        let server_key = self.server_key.unwrap_or_default();
        let server = self
            .server
            .map_or_else(|| authority.issue_server(&names, server_key), Ok)?;
        let acceptor = net::acceptor(server, self.tls_versions)?;
        let log = Log::new(self.log_file).map_err(|source| EmulatorError::Log { source })?;
        let group_key = self.group_key.map_or_else(Key::generate, Ok)?.to_base64();
        let enrollments = Enrollments::new(authority.certificate_pem());
        let own = match self.only_enrollments {
            false => built_in_groups(&group_key),
            true => vec![],
        };
        let of_devices = self.devices.values().filter_map(Device::enrollment);
        for enrollment in own.into_iter().chain(of_devices).chain(self.enrollments) {
            enrollments.enroll(enrollment)?;
        }
        let registry = Registry::new(self.rules, Arc::clone(&authority));
        let service = Service::new(Parts {
            id_scope: self.id_scope,
            max_packet_size: self.max_packet_size,
            max_connections: self.max_connections,
            refuse_simultaneous: self.refuse_simultaneous,
            evaluate_queries: self.evaluate_queries,
            registry,
            enrollments,
            log,
            control_key: self.control_key.map_or_else(Key::generate, Ok)?,
        });
        for fault in self.faults {
            service.faults.add(fault);
        }
        for device in self.devices.values() {
            for fault in device.faults()? {
                service.faults.add(fault);
            }
        }
        let host = callers_host(None, self.listen);
        let control_host = callers_host(self.hosts.first(), self.listen);
        Ok(Emulator::new(
            authority,
            acceptor,
            Arc::new(service),
            host,
            control_host,
            group_key,
        ))
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
            .field("enrollments", &self.enrollments)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// Dates before 1970 have no text in HTTP and in the log.
fn check_clock(now: SystemTime) -> Result<(), EmulatorError> {
    if now < SystemTime::UNIX_EPOCH {
        return Err(EmulatorError::Clock);
    }
    Ok(())
}

/// The built-in groups. The payload of a device is returned to it.
fn built_in_groups(group_key: &str) -> Vec<Enrollment> {
    let any_hub = Vec::<String>::new();
    vec![
        Enrollment::group("local-devices").own_ca(),
        Enrollment::group("local-keys").symmetric_keys(group_key, group_key),
    ]
    .into_iter()
    .map(|group| group.hubs(any_hub.clone(), AllocationPolicy::Custom))
    .collect()
}

/// The host for callers of the control endpoint: the first given name, else the address to listen on.
fn callers_host(name: Option<&String>, listen: Option<IpAddr>) -> String {
    match (name, listen) {
        (Some(name), _) => name.clone(),
        (None, Some(IpAddr::V4(address))) if !address.is_unspecified() => address.to_string(),
        (None, Some(IpAddr::V6(address))) if !address.is_unspecified() => format!("[{address}]"),
        (None, _) => "localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_1970_is_an_error_of_the_start() {
        let year = std::time::Duration::from_secs(365 * 86_400);
        assert!(matches!(
            check_clock(SystemTime::UNIX_EPOCH - year),
            Err(EmulatorError::Clock)
        ));
        assert!(check_clock(SystemTime::now()).is_ok());
    }

    #[test]
    fn callers_get_a_name_that_the_certificate_bears_or_what_is_listened_on() {
        let name = "dps.test".to_owned();
        let host = |name: Option<&String>, listen: Option<&str>| {
            callers_host(name, listen.map(|address| address.parse().expect("an address")))
        };
        assert_eq!(host(Some(&name), Some("127.0.0.2")), "dps.test");
        assert_eq!(host(None, Some("127.0.0.2")), "127.0.0.2");
        assert_eq!(host(None, Some("::1")), "[::1]");
        for everywhere in [None, Some("0.0.0.0"), Some("::")] {
            assert_eq!(host(None, everywhere), "localhost", "{everywhere:?}");
        }
    }
}

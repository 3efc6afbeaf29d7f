//! Starting an emulator from its settings.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use serde_json::Value;

use crate::{
    builder::Builder,
    device::Device,
    emulator::Emulator,
    enrollment::{AllocationPolicy, Enrollment, EnrollmentRef, Enrollments},
    error::EmulatorError,
    http::PageAccess,
    identity::{Authority, Folder, Identities, Key},
    log::Log,
    net,
    persistence::{Image, Journal, Store},
    port::Port,
    registration::Registry,
    service::{Parts, Service},
    webhook::WebhookClient,
};

impl Builder {
    /// Starts listening.
    ///
    /// # Errors
    /// [`EmulatorError::Listen`] when a port is taken or not allowed, and those of
    /// [`start_in_memory`](Self::start_in_memory).
    pub async fn start(self) -> Result<Emulator, EmulatorError> {
        let (listen, page_listen) = (self.listen, self.page_listen);
        let ports = [
            (Port::Mqtt, listen, Some(self.mqtt_port)),
            (Port::WebSocket, listen, Some(self.websocket_port)),
            (Port::Control, listen, self.control_port),
            (Port::Page, page_listen, self.page_port),
        ];
        let mut emulator = self.start_in_memory()?;
        for (port, address, number) in ports {
            if let Some(number) = number {
                emulator.listen(address, port, number).await?;
            }
        }
        Ok(emulator)
    }

    /// Starts without listening anywhere: devices connect through [`Emulator::connect`].
    ///
    /// # Errors
    /// [`EmulatorError::InvalidFile`] if the file of [`persist`](Self::persist) is damaged or used by another emulator,
    /// [`EmulatorError::Host`] when a host is neither a DNS name nor an IP address,
    /// [`EmulatorError::Enrollment`] or [`EmulatorError::Device`] if an enrollment or a device is invalid.
    pub fn start_in_memory(mut self) -> Result<Emulator, EmulatorError> {
        check_clock(SystemTime::now())?;
        let Identities {
            authority,
            server,
            control_key,
            group_key,
        } = match self.identities.take() {
            Some(identities) => identities,
            None => self.new_identities()?,
        };
        let (authority, group_key) = (Arc::new(authority), group_key.to_base64());
        let acceptor = net::acceptor(server, self.tls_versions)?;
        let log = Log::new(self.log_file).map_err(|source| EmulatorError::Log { source })?;
        let own = match self.only_enrollments {
            false => built_in_groups(&group_key),
            true => vec![],
        };
        let of_devices = self.devices.values().filter_map(Device::enrollment);
        let initial: Vec<_> = own.into_iter().chain(of_devices).chain(self.enrollments).collect();
        let enrollments = Enrollments::with(authority.certificate_pem(), initial.clone())?;
        let mut faults = self.faults;
        for device in self.devices.values() {
            faults.extend(device.faults()?);
        }
        let registry = Registry::new(self.rules, Arc::clone(&authority));
        let configured = initial.iter().map(|it| it.configured(authority.certificate_pem()));
        let restore = |path: PathBuf| restore(&path, configured.collect(), &enrollments, &registry, &log);
        let journal = self.persist.map(restore).transpose()?;
        let host = callers_host(None, self.listen);
        let control_host = callers_host(self.hosts.first(), self.listen);
        let page_host = callers_host(None, self.page_listen);
        let service = Service::new(Parts {
            id_scope: self.id_scope,
            max_packet_size: self.max_packet_size,
            max_connections: self.max_connections,
            refuse_simultaneous: self.refuse_simultaneous,
            evaluate_queries: self.evaluate_queries,
            host,
            authority: Arc::clone(&authority),
            registry,
            quotas: self.quotas,
            webhooks: WebhookClient::new(self.webhook_ca)?,
            enrollments,
            log,
            faults,
            chaos: self.chaos,
            journal,
            control_key,
            page_access: PageAccess::new(self.page_listen.is_some())?,
        });
        service.note_chaos();
        Ok(Emulator::new(
            acceptor,
            Arc::new(service),
            control_host,
            page_host,
            group_key,
        ))
    }

    fn new_identities(&self) -> Result<Identities, EmulatorError> {
        let authority = Authority::generate()?;
        Ok(Identities {
            server: authority.issue_server(&self.names(), self.server_key.unwrap_or_default())?,
            authority,
            control_key: Key::generate()?,
            group_key: Key::generate()?,
        })
    }
}

impl Folder {
    /// Configures `builder` to use this folder's CA and server certificate.
    ///
    /// # Errors
    /// [`EmulatorError::File`] if a file cannot be read or written, and [`EmulatorError::InvalidFile`] if one is invalid.
    pub fn equip(&self, mut builder: Builder) -> Result<Builder, EmulatorError> {
        builder.identities = Some(self.identities(&builder.names(), builder.server_key)?);
        Ok(builder)
    }

    /// Creates the certificate of a device, unless there is one that fits the description of the device.
    ///
    /// # Errors
    /// As [`equip`](Self::equip).
    pub fn ensure_device(&self, emulator: &Emulator, device: &Device) -> Result<(), EmulatorError> {
        self.ensure_certificate(emulator.authority(), &device.registration_id, device.certificate)
    }
}

/// Restores what the file at `path` holds, and persists changes in it from now on. `configured` is what the builder has.
fn restore(
    path: &Path,
    configured: BTreeMap<EnrollmentRef, Value>,
    enrollments: &Enrollments,
    registry: &Registry,
    log: &Log,
) -> Result<Journal, EmulatorError> {
    let mut store = Store::open(path)?;
    let restored = enrollments.restore(store.image(), &configured);
    restored.map_err(|problem| EmulatorError::damaged(path, &problem))?;
    let registered = store.image().registered.clone();
    let mut oldest_first: Vec<_> = registered.values().cloned().collect();
    oldest_first.sort_by_key(|registration| registration.number);
    store.begin(Image {
        configured,
        enrolled: enrollments.saved().into_iter().map(|it| (it.of, it.body)).collect(),
        registered,
    })?;
    let journal = Journal::start(store, log.clone())?;
    enrollments.persist(journal.clone());
    registry.restore(oldest_first, journal.clone());
    Ok(journal)
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

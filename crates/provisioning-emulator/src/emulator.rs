//! The emulator itself: listeners, links in memory, and what can be asked of it.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use futures_util::FutureExt;
use tokio::{net::TcpListener, select};
use tokio_rustls::TlsAcceptor;

use crate::{
    Builder, Device, DeviceIdentity, EmulatorError, Enrollment, Fault, Link, LogEntry, LogKind, Port, Registration,
    Security, control, layers,
    link::{self, Socket},
    log::Origin,
    pki::Authority,
    service::Service,
};

/// A local provisioning service. Dropping it ends its listeners and connections; [`shutdown`](Self::shutdown) also
/// waits for them.
pub struct Emulator {
    authority: Arc<Authority>,
    group_key: String,
    acceptor: TlsAcceptor,
    service: Arc<Service>,
    /// What resolves to this emulator, and what its certificate is for.
    host: String,
    /// The name by which callers reach the control endpoint.
    control_host: String,
    mqtt_port: u16,
    websocket_port: u16,
    control_port: u16,
    page_port: u16,
}

impl Emulator {
    /// Starts with what an emulator is to be like.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(
        authority: Arc<Authority>,
        acceptor: TlsAcceptor,
        service: Arc<Service>,
        host: String,
        control_host: String,
        group_key: String,
    ) -> Self {
        Self {
            authority,
            group_key,
            acceptor,
            service,
            host,
            control_host,
            mqtt_port: 0,
            websocket_port: 0,
            control_port: 0,
            page_port: 0,
        }
    }

    /// The port of MQTT over TLS; 0 when it does not listen.
    pub fn mqtt_port(&self) -> u16 {
        self.mqtt_port
    }

    /// The port of MQTT over WebSocket; 0 when it does not listen.
    pub fn websocket_port(&self) -> u16 {
        self.websocket_port
    }

    /// The port of the control endpoint; 0 when it does not listen.
    pub fn control_port(&self) -> u16 {
        self.control_port
    }

    /// The port of the page; 0 when it does not listen.
    pub fn page_port(&self) -> u16 {
        self.page_port
    }

    /// The host and port to which a device on this machine connects with MQTT over TLS, such as `localhost:8883`.
    ///
    /// The host is the address that was given to listen on, else `localhost`. The server's certificate is for either.
    /// The port is [`mqtt_port`](Self::mqtt_port), which is 0 for an emulator that does not listen.
    pub fn mqtt_address(&self) -> String {
        format!("{}:{}", self.host, self.mqtt_port)
    }

    /// The host and port for MQTT over WebSocket; as [`mqtt_address`](Self::mqtt_address).
    pub fn websocket_address(&self) -> String {
        format!("{}:{}", self.host, self.websocket_port)
    }

    /// The host and port of the control endpoint; as [`mqtt_address`](Self::mqtt_address).
    pub fn control_address(&self) -> String {
        format!("{}:{}", self.host, self.control_port)
    }

    /// The host and port of the page: on loopback, whatever address the other ports listen on.
    pub fn page_address(&self) -> String {
        format!("localhost:{}", self.page_port)
    }

    /// What service SDKs need to call the control endpoint, its key included:
    /// `HostName={host[:port]};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey={base64}`. The host is the
    /// first [`Builder::host`](crate::Builder::host), else the address that was given to listen on, else `localhost`.
    pub fn connection_string(&self) -> String {
        control::connection_string(&self.control_host, self.control_port, &self.service.control_key)
    }

    /// The id scope that devices must name.
    pub fn id_scope(&self) -> &str {
        &self.service.id_scope
    }

    /// The certificate of the emulator's CA, which devices must trust.
    pub fn ca_pem(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// Enrolls a device or a group while the emulator runs, or changes the enrollment of that id. It counts from the
    /// next connection on.
    ///
    /// # Errors
    /// [`EmulatorError::Enrollment`] says what of it cannot be used.
    pub fn enroll(&self, enrollment: Enrollment) -> Result<(), EmulatorError> {
        self.service.enrollments.enroll(enrollment)
    }

    /// Removes the enrollment with the kind and the id of this one, if there is one; says whether there was.
    pub fn unenroll(&self, enrollment: &Enrollment) -> bool {
        let Enrollment { kind, id, .. } = enrollment;
        self.service.enrollments.delete(*kind, id, None).is_ok()
    }

    /// Makes a key and a certificate for a device.
    ///
    /// # Errors
    /// [`EmulatorError::Certificate`] when the registration id does not fit into one.
    pub fn issue_device(&self, registration_id: &str) -> Result<DeviceIdentity, EmulatorError> {
        self.issue_device_with(&Device::new(registration_id))
    }

    /// Makes a key and a certificate as the device says: its validity, its key, its chain.
    ///
    /// # Errors
    /// As [`issue_device`](Self::issue_device).
    pub fn issue_device_with(&self, device: &Device) -> Result<DeviceIdentity, EmulatorError> {
        self.authority.issue_device(device)
    }

    /// The key of the symmetric-key group, in base64: a device whose key is derived from it is enrolled.
    pub fn group_key(&self) -> String {
        self.group_key.clone()
    }

    /// The key, in base64, with which the device of this registration id proves its identity: the primary key of its
    /// own enrollment, else the key that is derived from the primary key of an enrollment group (of several, the first
    /// by its id).
    ///
    /// `None` if no enrollment has a symmetric key for the device. The case of the registration id matters for a
    /// derived key.
    pub fn device_key(&self, registration_id: &str) -> Option<String> {
        let key = self.service.enrollments.device_key(registration_id)?;
        Some(key.to_base64())
    }

    /// The registrations that the emulator knows, sorted by registration id: of each device the latest.
    pub fn registrations(&self) -> Vec<Registration> {
        self.service.registry.registrations()
    }

    /// The packets and decisions so far, the oldest first; if there are many, the newest 16 MiB at least.
    pub fn log(&self) -> Vec<Arc<LogEntry>> {
        self.service.log.entries()
    }

    /// Waits for an entry of the log that `accept` accepts: the oldest that is in the log already, else the first
    /// that is written from then on. No entry is skipped, even if the log is cleared meanwhile.
    ///
    /// It waits until there is such an entry; use `tokio::time::timeout` to limit the time.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future changes nothing. The next call considers all entries of the log again.
    ///
    /// ```
    /// use provisioning_emulator::{Emulator, LogKind, Port, Security};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), provisioning_emulator::EmulatorError> {
    /// let emulator = Emulator::builder().start_in_memory()?;
    /// let link = emulator.connect(Port::Mqtt, Security::Plain, 1024);
    /// drop(link);
    /// let close = emulator.wait_for(|entry| entry.kind == LogKind::Close).await;
    /// assert_eq!(close.reason.as_deref(), Some("the device is gone without DISCONNECT"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait_for(&self, accept: impl FnMut(&LogEntry) -> bool) -> Arc<LogEntry> {
        self.service.log.wait_for(accept).await
    }

    /// Removes all entries from the log. The numbers of new entries continue.
    pub fn clear_log(&self) {
        self.service.log.clear();
    }

    /// Adds something that goes wrong. At each step the first fault that fits strikes.
    pub fn inject(&self, fault: Fault) {
        self.service.faults.add(fault);
    }

    /// The faults that are still to strike, each with how often it still will.
    pub fn faults(&self) -> Vec<Fault> {
        self.service.faults.left()
    }

    /// Forgets the faults that have not struck yet. What a fault has begun goes on.
    pub fn clear_faults(&self) {
        self.service.faults.replace(vec![]);
    }

    /// A connection in memory: the device's end of it, with room for `buffer` bytes each way. It works in tokio's
    /// paused time.
    pub fn connect(&self, port: Port, security: Security, buffer: usize) -> Link {
        let (device, service) = link::in_memory(buffer);
        spawn(service, port, security, &self.acceptor, &self.service);
        device
    }

    /// Ends every listener and connection, and waits until they have ended.
    pub async fn shutdown(self) {
        self.service.stop.cancel();
        self.service.tasks.close();
        self.service.tasks.wait().await;
    }

    pub(crate) async fn listen(
        &mut self,
        address: Option<IpAddr>,
        port: Port,
        number: u16,
    ) -> Result<(), EmulatorError> {
        // The page does not authenticate its callers.
        let address = address.filter(|_| port != Port::Page);
        let number = self.listen_on(address, port, number).await?;
        *match port {
            Port::Mqtt => &mut self.mqtt_port,
            Port::WebSocket => &mut self.websocket_port,
            Port::Control => &mut self.control_port,
            Port::Page => &mut self.page_port,
        } = number;
        Ok(())
    }

    /// Listens on `address`, or on loopback in both families. Returns the port's number, which the system chooses
    /// for 0.
    async fn listen_on(&self, address: Option<IpAddr>, port: Port, number: u16) -> Result<u16, EmulatorError> {
        let (listener, number) = bind(address.unwrap_or(Ipv4Addr::LOCALHOST.into()), number).await?;
        self.accept_from(listener, port);
        if address.is_none() {
            match bind(Ipv6Addr::LOCALHOST.into(), number).await {
                Ok((listener, _)) => self.accept_from(listener, port),
                // Not every machine has IPv6.
                Err(error) => {
                    let reason = format!("not on IPv6: {error}");
                    self.service.note(origin(port), None, LogKind::Listen, reason);
                }
            }
        }
        Ok(number)
    }

    fn accept_from(&self, listener: TcpListener, port: Port) {
        let (service, acceptor) = (Arc::clone(&self.service), self.acceptor.clone());
        self.service.tasks.spawn(async move {
            loop {
                let accepted = select! {
                    () = service.stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                match accepted {
                    Ok((stream, peer)) => {
                        let security = match port {
                            Port::Page => Security::Plain,
                            Port::Mqtt | Port::WebSocket | Port::Control => Security::Tls,
                        };
                        spawn(Socket::tcp(stream, peer), port, security, &acceptor, &service);
                    }
                    // If there are no file descriptors left, other connections may end meanwhile.
                    Err(error) => {
                        service.note(origin(port), None, LogKind::Accept, error.to_string());
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                }
            }
        });
    }
}

impl fmt::Debug for Emulator {
    /// Without keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Emulator")
            .field("id_scope", &self.service.id_scope)
            .field("host", &self.host)
            .field("mqtt_port", &self.mqtt_port)
            .field("websocket_port", &self.websocket_port)
            .field("control_port", &self.control_port)
            .field("page_port", &self.page_port)
            .finish_non_exhaustive()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.service.stop.cancel();
    }
}

/// What is logged about a port itself.
fn origin(port: Port) -> Origin {
    Origin {
        port: Some(port),
        ..Origin::default()
    }
}

/// Serves a connection in a task. If it panics, the log says so, and the others continue.
fn spawn(socket: Socket, port: Port, security: Security, acceptor: &TlsAcceptor, service: &Arc<Service>) {
    let origin = Origin {
        connection: port.is_for_devices().then(|| service.next_connection()),
        peer: socket.peer(),
        port: Some(port),
    };
    let serving = layers::serve(socket, port, origin, security, acceptor.clone(), Arc::clone(service));
    let shared = Arc::clone(service);
    service.tasks.spawn(async move {
        if AssertUnwindSafe(serving).catch_unwind().await.is_err() {
            let reason = "a connection was given up; this is a bug of the emulator";
            shared.note(origin, None, LogKind::Panic, reason);
        }
    });
}

async fn bind(address: IpAddr, port: u16) -> Result<(TcpListener, u16), EmulatorError> {
    let address = SocketAddr::new(address, port);
    let failed = |source: io::Error| EmulatorError::Listen {
        address: address.to_string(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

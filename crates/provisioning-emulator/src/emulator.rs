//! The emulator itself: listeners, links in memory, and what can be asked of it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use futures_util::FutureExt;
use tokio::{net::TcpListener, select};
use tokio_rustls::TlsAcceptor;

use crate::{
    Builder, Device, DeviceIdentity, EmulatorError, Enrollment, Fault, Link, LogEntry, control, layers,
    link::{self, Socket},
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
    /// The name by which callers reach the control endpoint.
    host: String,
    mqtt_port: u16,
    ws_port: u16,
    control_port: u16,
    page_port: u16,
}

/// What a link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// MQTT.
    Mqtt,
    /// MQTT over WebSocket.
    WebSocket,
    /// HTTP/1.1: the control endpoint.
    Control,
    /// HTTP/1.1: the page to look at. On a socket it has no TLS.
    Page,
}

/// What protects a link in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Security {
    /// TLS, as on a socket.
    Tls,
    /// Nothing: the device is taken for whom it says it is.
    Plain,
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
        group_key: String,
    ) -> Self {
        Self {
            authority,
            group_key,
            acceptor,
            service,
            host,
            mqtt_port: 0,
            ws_port: 0,
            control_port: 0,
            page_port: 0,
        }
    }

    /// The port of MQTT over TLS; 0 when it does not listen.
    pub fn mqtt_port(&self) -> u16 {
        self.mqtt_port
    }

    /// The port of MQTT over WebSocket; 0 when it does not listen.
    pub fn ws_port(&self) -> u16 {
        self.ws_port
    }

    /// The port of the control endpoint; 0 when it does not listen.
    pub fn control_port(&self) -> u16 {
        self.control_port
    }

    /// The port of the page to look at; 0 when it does not listen.
    pub fn page_port(&self) -> u16 {
        self.page_port
    }

    /// What service SDKs need to call the control endpoint, its key included:
    /// `HostName={host[:port]};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey={base64}`. The host is the
    /// first [`Builder::host`](crate::Builder::host), else the address that was given to listen on, else `localhost`.
    pub fn connection_string(&self) -> String {
        control::connection_string(&self.host, self.control_port, &self.service.control_key)
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

    /// What was seen and done so far; of a lot, the newest 16 MiB at least.
    pub fn log(&self) -> Vec<LogEntry> {
        self.service.log.entries()
    }

    /// Forgets what was seen and done so far.
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
    pub fn connect(&self, carrier: Carrier, security: Security, buffer: usize) -> Link {
        let (device, service) = link::in_memory(buffer);
        spawn(service, carrier, security, &self.acceptor, &self.service);
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
        port: u16,
        carrier: Carrier,
    ) -> Result<(), EmulatorError> {
        // The page asks nobody who they are.
        let address = address.filter(|_| carrier != Carrier::Page);
        let port = self.listen_on(address, port, carrier).await?;
        *match carrier {
            Carrier::Mqtt => &mut self.mqtt_port,
            Carrier::WebSocket => &mut self.ws_port,
            Carrier::Control => &mut self.control_port,
            Carrier::Page => &mut self.page_port,
        } = port;
        Ok(())
    }

    /// Listens on `address`, or on loopback in both families. The port, which 0 leaves to the system.
    async fn listen_on(&self, address: Option<IpAddr>, port: u16, carrier: Carrier) -> Result<u16, EmulatorError> {
        let first = bind(address.unwrap_or(Ipv4Addr::LOCALHOST.into()), port).await?;
        let port = first.1;
        self.accept_from(first.0, carrier);
        if address.is_none() {
            match bind(Ipv6Addr::LOCALHOST.into(), port).await {
                Ok((listener, _)) => self.accept_from(listener, carrier),
                // Not every machine has IPv6.
                Err(error) => self.service.note(0, None, "listen", format!("not on IPv6: {error}")),
            }
        }
        Ok(port)
    }

    fn accept_from(&self, listener: TcpListener, carrier: Carrier) {
        let (service, acceptor) = (Arc::clone(&self.service), self.acceptor.clone());
        self.service.tasks.spawn(async move {
            loop {
                let accepted = select! {
                    () = service.stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                match accepted {
                    Ok((stream, _)) => {
                        let security = match carrier {
                            Carrier::Page => Security::Plain,
                            Carrier::Mqtt | Carrier::WebSocket | Carrier::Control => Security::Tls,
                        };
                        spawn(Socket::tcp(stream), carrier, security, &acceptor, &service);
                    }
                    // Out of file descriptors, say: others may end meanwhile.
                    Err(error) => {
                        service.note(0, None, "accept", error.to_string());
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                }
            }
        });
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.service.stop.cancel();
    }
}

/// Serves a connection beside all others. Should it panic, the log says so, and the others go on.
fn spawn(socket: Socket, carrier: Carrier, security: Security, acceptor: &TlsAcceptor, service: &Arc<Service>) {
    let serving = layers::serve(socket, carrier, security, acceptor.clone(), Arc::clone(service));
    let shared = Arc::clone(service);
    service.tasks.spawn(async move {
        if AssertUnwindSafe(serving).catch_unwind().await.is_err() {
            shared.note(
                0,
                None,
                "panic",
                "a connection was given up; this is a bug of the emulator".to_owned(),
            );
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

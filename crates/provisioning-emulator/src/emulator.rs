//! The emulator: connections in memory, credentials, and what a program can ask it.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::{
    builder::Builder,
    device::Device,
    enrollment::Enrollment,
    error::EmulatorError,
    faults::Fault,
    http,
    identity::{Authority, DeviceIdentity},
    log::{LogEntry, LogKind, Origin},
    net::{self, Link, Security},
    port::Port,
    registration::Registration,
    service::Service,
};

/// How long connections may take to end. Closing one takes 2 s at most; with a second each for files and for stderr, all ends
/// within 5 s.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(2500);

/// How long a slow disk may take to write what is persisted.
const FILES_LIMIT: Duration = Duration::from_secs(1);

/// A local provisioning service. Dropping it ends its listeners and connections; [`shutdown`](Self::shutdown) also
/// waits for them.
pub struct Emulator {
    group_key: String,
    acceptor: TlsAcceptor,
    service: Arc<Service>,
    /// The name by which callers reach the control endpoint.
    control_host: String,
    page_host: String,
    control_port: u16,
    page_port: u16,
}

impl Emulator {
    /// A builder with the default settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(
        acceptor: TlsAcceptor,
        service: Arc<Service>,
        control_host: String,
        page_host: String,
        group_key: String,
    ) -> Self {
        Self {
            group_key,
            acceptor,
            service,
            control_host,
            page_host,
            control_port: 0,
            page_port: 0,
        }
    }

    /// The port of MQTT over TLS; 0 when it does not listen.
    pub fn mqtt_port(&self) -> u16 {
        self.service.addresses.mqtt_port()
    }

    /// The port of MQTT over WebSocket and of the HTTPS device API; 0 when it does not listen.
    pub fn websocket_port(&self) -> u16 {
        self.service.addresses.websocket_port()
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
        format!("{}:{}", self.service.addresses.host, self.mqtt_port())
    }

    /// The host and port for MQTT over WebSocket; as [`mqtt_address`](Self::mqtt_address).
    pub fn websocket_address(&self) -> String {
        format!("{}:{}", self.service.addresses.host, self.websocket_port())
    }

    /// The host and port of the control endpoint; as [`mqtt_address`](Self::mqtt_address).
    pub fn control_address(&self) -> String {
        format!("{}:{}", self.service.addresses.host, self.control_port)
    }

    /// The host and port of the page: `localhost`, or the address that was given for it.
    pub fn page_address(&self) -> String {
        format!("{}:{}", self.page_host, self.page_port)
    }

    /// The host of [`page_address`](Self::page_address).
    #[cfg(feature = "cli")]
    pub(crate) fn page_host(&self) -> &str {
        &self.page_host
    }

    /// The address that opens the page in a browser, with the token that lets it change something:
    /// `http://localhost:8080/#token=…`. The token is made anew at each start.
    pub fn page_url(&self) -> String {
        format!(
            "http://{}/#token={}",
            self.page_address(),
            self.service.page_access.token()
        )
    }

    /// What service SDKs need to call the control endpoint, its key included:
    /// `HostName={host[:port]};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey={base64}`. The host is the
    /// first [`Builder::host`](crate::Builder::host), else the address that was given to listen on, else `localhost`.
    pub fn connection_string(&self) -> String {
        http::connection_string(&self.control_host, self.control_port, &self.service.control_key)
    }

    /// The id scope that devices must name.
    pub fn id_scope(&self) -> &str {
        &self.service.id_scope
    }

    /// The certificate of the emulator's CA, which devices must trust.
    pub fn ca_pem(&self) -> &str {
        self.service.authority.certificate_pem()
    }

    /// Adds or replaces an enrollment. It applies from the next connection on.
    ///
    /// # Errors
    /// [`EmulatorError::Enrollment`] if it is invalid.
    pub fn enroll(&self, enrollment: Enrollment) -> Result<(), EmulatorError> {
        self.service.enrollments.enroll(enrollment)
    }

    /// Removes the enrollment with the kind and the id of this one. Returns whether it existed.
    pub fn unenroll(&self, enrollment: &Enrollment) -> bool {
        let Enrollment { kind, id, .. } = enrollment;
        self.service.enrollments.delete(*kind, id, None).is_ok()
    }

    /// Creates a key and a certificate for a device.
    ///
    /// # Errors
    /// [`EmulatorError::Certificate`] when the registration id does not fit into one.
    pub fn issue_device(&self, registration_id: &str) -> Result<DeviceIdentity, EmulatorError> {
        self.issue_device_with(&Device::new(registration_id))
    }

    /// Creates a key and a certificate with the validity, the key and the chain of this description.
    ///
    /// # Errors
    /// As [`issue_device`](Self::issue_device).
    pub fn issue_device_with(&self, device: &Device) -> Result<DeviceIdentity, EmulatorError> {
        self.service
            .authority
            .issue_device(&device.registration_id, device.certificate)
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

    /// The packets and decisions so far, the oldest first; if there are many, the newest 8 MiB.
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

    /// Adds a fault. At each step the first fault that matches triggers.
    pub fn inject(&self, fault: Fault) {
        self.service.faults.add(fault);
    }

    /// The faults that are left, each with how often it still triggers.
    pub fn faults(&self) -> Vec<Fault> {
        self.service.faults.left()
    }

    /// Removes all faults, those of [devices](crate::Builder::device) too. Effects that last continue.
    pub fn clear_faults(&self) {
        self.service.faults.clear();
    }

    /// Makes everything as it was at the start: enrollments (with the same etags and generated keys), faults, and
    /// quotas are those of the builder; registrations and the log are empty. The MQTT connections of devices are
    /// closed, also those that begin in the meantime, and this waits for their ends, 2 s at most. Resets at the same
    /// time happen one after the other.
    ///
    /// # Cancel safety
    /// Dropping the future leaves connections closed, and everything else as it is.
    pub async fn reset(&self) {
        self.service.reset().await;
    }

    /// A connection in memory: the device's end of it, with room for `buffer` bytes each way. It works in tokio's
    /// paused time.
    pub fn connect(&self, port: Port, security: Security, buffer: usize) -> Link {
        net::serve_in_memory(&self.service, &self.acceptor, port, security, buffer)
    }

    /// Ends every listener and connection, and waits until they have ended: 2.5 s at most. A connection whose peer has not
    /// taken its last bytes by then is dropped. Then it waits for files, 1 s at most.
    pub async fn shutdown(self) {
        self.service.stop.cancel();
        self.service.tasks.close();
        if timeout(SHUTDOWN_LIMIT, self.service.tasks.wait()).await.is_err() {
            self.service.abandon.cancel();
            self.service.tasks.wait().await;
        }
        // A change that was acknowledged is on the disk already.
        let journal = async {
            if timeout(FILES_LIMIT, self.service.finish_journal()).await.is_err() {
                let reason = "the latest changes are not persisted: the disk did not write them in time";
                self.service.note(Origin::default(), None, LogKind::File, reason);
            }
        };
        tokio::join!(journal, self.service.log.finish());
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.service.authority
    }

    /// Calls `observer` with each entry of the log, those before as well.
    #[cfg(feature = "cli")]
    pub(crate) fn observe(&self, observer: impl FnMut(&Arc<LogEntry>) + Send + 'static) {
        self.service.log.observe(observer);
    }

    /// Logs what limits the ports.
    #[cfg(feature = "cli")]
    pub(crate) fn warn(&self, reason: String) {
        self.service.note(Origin::default(), None, LogKind::Listen, reason);
    }

    pub(crate) async fn listen(
        &mut self,
        address: Option<IpAddr>,
        port: Port,
        number: u16,
    ) -> Result<(), EmulatorError> {
        let number = net::listen(&self.service, &self.acceptor, address, port, number).await?;
        match port {
            Port::Mqtt => self.service.addresses.set_mqtt_port(number),
            // The MQTT port names it, too.
            Port::WebSocket => self.service.addresses.set_websocket_port(number),
            Port::Control => self.control_port = number,
            Port::Page => self.page_port = number,
        }
        Ok(())
    }
}

impl fmt::Debug for Emulator {
    /// Without keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Emulator")
            .field("id_scope", &self.service.id_scope)
            .field("host", &self.service.addresses.host)
            .field("mqtt_port", &self.mqtt_port())
            .field("websocket_port", &self.websocket_port())
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
#[cfg(test)]
impl Emulator {
    /// What its connections share.
    pub(crate) fn shared(&self) -> (Arc<Service>, TlsAcceptor) {
        (Arc::clone(&self.service), self.acceptor.clone())
    }
}

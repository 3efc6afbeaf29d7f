//! What a connection is made with: the URI, the identity, and the manners.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use percent_encoding::utf8_percent_encode;
use provisioning_types::{
    Credential, DEFAULT_SAS_LIFETIME, Endpoint, ErrorKind, Host, InvalidInput, Progress, RegistrationRequest, SasToken,
    Secret, SymmetricSigner, TransportError, X509Credential,
};

use tokio::sync::watch;

use crate::{remote_key, topic::ESCAPED};

const WSS_PORT: u16 = 443;

/// How MQTT is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Over TLS, on port 8883 unless given.
    Mqtts,
    /// Over a WebSocket over TLS, on port 443 unless given.
    Wss,
}

/// The address of the service, as a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUri {
    scheme: Scheme,
    endpoint: Endpoint,
}

impl ServiceUri {
    /// The URI of `endpoint` under `scheme`.
    pub fn new(scheme: Scheme, endpoint: Endpoint) -> Self {
        Self { scheme, endpoint }
    }

    /// How MQTT is carried.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host to connect to.
    pub fn host(&self) -> &Host {
        self.endpoint.host()
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        let port = self.endpoint.port();
        match self.scheme {
            Scheme::Mqtts => port.unwrap_or(8883),
            Scheme::Wss => port.or(self.endpoint.websocket_port()).unwrap_or(WSS_PORT),
        }
    }

    /// The same service over a WebSocket, where `self` is tried over TLS alone: on the WebSocket's own port, 443 unless
    /// given.
    pub(crate) fn as_websocket(&self) -> Self {
        let mut websocket = self.clone();
        websocket.scheme = Scheme::Wss;
        if self.scheme == Scheme::Mqtts {
            websocket.endpoint = self.endpoint.clone().without_port();
        }
        websocket
    }

    /// The path of the WebSocket.
    pub fn path(&self) -> &str {
        self.endpoint.websocket_path()
    }

    /// The name that the server's certificate must bear.
    pub fn server_name(&self) -> &Host {
        self.endpoint.server_name()
    }
}

impl fmt::Display for ServiceUri {
    /// `mqtts://host[:port]` or `wss://host:port/path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.scheme, self.endpoint.port()) {
            (Scheme::Mqtts, None) => write!(f, "mqtts://{}", self.host()),
            (Scheme::Mqtts, Some(port)) => write!(f, "mqtts://{}:{port}", self.host()),
            (Scheme::Wss, _) => write!(f, "wss://{}:{}{}", self.host(), self.port(), self.path()),
        }
    }
}

/// Everything that one connection is made with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransportConfig {
    /// Where to.
    pub uri: ServiceUri,
    /// The MQTT client id: the registration id.
    pub client_id: String,
    /// The MQTT user name, which carries the id scope, the api-version and the agent.
    pub username: String,
    /// The MQTT password; absent with X.509.
    pub password: Option<Secret>,
    /// Clean session: always true, the service keeps no sessions.
    pub clean: bool,
    /// The certificate to present in the TLS handshake.
    pub x509: Option<X509Credential>,
    /// After how long without a packet the peer may take the connection for dead; zero for never.
    pub keep_alive: Duration,
    /// The largest packet that is accepted, in bytes.
    pub max_packet_size: usize,
    /// Where the request that needs this connection hears of its steps. That `uri` is being connected to has been
    /// reported; a connector that goes somewhere else reports it here.
    pub progress: Progress,
}

impl TransportConfig {
    /// Whether a connection made with `self` serves where one with `other` is asked for.
    pub(crate) fn serves(&self, other: &Self) -> bool {
        self.uri == other.uri && self.client_id == other.client_id && self.username == other.username
    }
}

/// The manners of the transport. `Settings::default()` is what the documentation's table of defaults shows.
#[derive(Debug, Clone)]
pub struct Settings {
    keep_alive: Duration,
    max_packet_size: usize,
    user_agent: String,
    sas_lifetime: Duration,
    clock: Arc<dyn WallClock>,
}

/// Tells the time of day, by which tokens expire. Everything else goes by tokio's clock.
pub trait WallClock: fmt::Debug + Send + Sync {
    /// What time it is.
    fn now(&self) -> SystemTime;
}

/// The system's clock.
#[derive(Debug)]
struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sas_lifetime: DEFAULT_SAS_LIFETIME,
            clock: Arc::new(SystemClock),
            keep_alive: Duration::from_secs(180),
            max_packet_size: 1024 * 1024,
            user_agent: concat!("provisioning-device-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Settings {
    /// The MQTT keep-alive. 180 s unless given; zero for none; rounded up to whole seconds.
    ///
    /// # Errors
    /// [`InvalidInput`] above 65,535 s, the most that MQTT can say.
    pub fn with_keep_alive(mut self, keep_alive: Duration) -> Result<Self, InvalidInput> {
        let whole = keep_alive
            .as_secs()
            .saturating_add(u64::from(keep_alive.subsec_nanos() > 0));
        if whole > u64::from(u16::MAX) {
            return Err(InvalidInput::new("keep-alive", "at most 65535 s").with_given(&format!("{whole} s")));
        }
        self.keep_alive = Duration::from_secs(whole);
        Ok(self)
    }

    /// The largest packet that is accepted from the service, in bytes. 1 MiB unless given.
    #[must_use]
    pub fn with_max_packet_size(mut self, bytes: usize) -> Self {
        self.max_packet_size = bytes;
        self
    }

    /// For how long a token that is made from a symmetric key is valid. 1 h unless given; each connection has a new
    /// one.
    #[must_use]
    pub fn with_sas_lifetime(mut self, lifetime: Duration) -> Self {
        self.sas_lifetime = lifetime;
        self
    }

    /// Takes the time of day, by which tokens expire, from `clock` rather than from the system.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.clock = clock;
        self
    }

    /// Adds `suffix` to the agent that the service is told, after a blank.
    ///
    /// # Errors
    /// [`InvalidInput`] above 1,024 bytes.
    pub fn with_user_agent_suffix(mut self, suffix: &str) -> Result<Self, InvalidInput> {
        if suffix.len() > 1024 {
            return Err(InvalidInput::new("user agent suffix", "at most 1024 bytes").with_given(suffix));
        }
        self.user_agent = format!("{} {suffix}", self.user_agent);
        Ok(self)
    }

    /// The configuration of a connection for `request`, but for the proof of identity, which is made when it is needed.
    pub(crate) fn config(
        &self,
        scheme: Scheme,
        default_endpoint: &Endpoint,
        request: &RegistrationRequest,
    ) -> TransportConfig {
        let endpoint = request.endpoint().unwrap_or(default_endpoint).clone();
        TransportConfig {
            uri: ServiceUri::new(scheme, endpoint),
            client_id: request.registration_id().to_string(),
            username: self.username(request),
            password: None,
            clean: true,
            x509: None,
            keep_alive: self.keep_alive,
            max_packet_size: self.max_packet_size,
            progress: Progress::ignored(),
        }
    }

    /// Adds to `config` what proves that it is the request's device: new for every connection, so never stale.
    pub(crate) async fn prove(
        &self,
        config: &mut TransportConfig,
        credential: &Credential,
        request: &RegistrationRequest,
    ) -> Result<(), TransportError> {
        match current(credential).await? {
            Credential::X509(x509) => config.x509 = Some(x509),
            Credential::SymmetricKey(signer) => {
                config.password = Some(self.token(signer, request).await?.text().clone())
            }
            Credential::SasToken(token) => config.password = Some(token.text().clone()),
            other => {
                let message = format!("{other:?} is no proof of identity");
                return Err(TransportError::new(ErrorKind::Input, message));
            }
        }
        Ok(())
    }

    /// What this device's clock says.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    async fn token(
        &self,
        signer: Arc<dyn SymmetricSigner>,
        request: &RegistrationRequest,
    ) -> Result<SasToken, TransportError> {
        let expires_at = self.clock.now() + self.sas_lifetime;
        let request = request.clone();
        let failed = |error: Box<dyn Error + Send + Sync>| {
            TransportError::new(ErrorKind::Input, "the device's key did not sign").with_source(error)
        };
        let signing = async move {
            let (id_scope, registration_id) = (request.id_scope(), request.registration_id());
            SasToken::sign(signer.as_ref(), id_scope, registration_id, expires_at).await
        };
        let signed = remote_key::aside(signing, watch::Sender::new(())).await;
        signed.map_err(|error| failed(error.into()))?.map_err(failed)
    }

    fn username(&self, request: &RegistrationRequest) -> String {
        format!(
            "{}/registrations/{}/api-version={}&ClientVersion={}",
            request.id_scope(),
            request.registration_id(),
            request.api_version(),
            utf8_percent_encode(&self.user_agent, ESCAPED)
        )
    }
}

/// The credential as it is now. A source may block, so it is asked aside.
async fn current(credential: &Credential) -> Result<Credential, TransportError> {
    let Credential::Source(_) = credential else {
        return Ok(credential.clone());
    };
    let credential = credential.clone();
    let loading = async move { credential.load() };
    match remote_key::aside(loading, watch::Sender::new(())).await {
        Ok(loaded) => Ok(loaded?),
        Err(error) => Err(TransportError::new(ErrorKind::Input, "the credential was not read").with_source(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use provisioning_types::{IdScope, RegistrationId, SymmetricKey};

    use super::*;

    #[test]
    fn a_uri_shows_what_was_given_and_a_websockets_port_always() {
        let uri = |scheme, endpoint: &str| ServiceUri::new(scheme, endpoint.parse().expect("valid")).to_string();
        assert_eq!(uri(Scheme::Mqtts, "h.example"), "mqtts://h.example");
        assert_eq!(uri(Scheme::Mqtts, "[::1]:18883"), "mqtts://[::1]:18883");
        assert_eq!(uri(Scheme::Wss, "h.example"), "wss://h.example:443/$iothub/websocket");
        assert_eq!(
            uri(Scheme::Wss, "h.example:8443"),
            "wss://h.example:8443/$iothub/websocket"
        );
    }

    /// Says one second more each time.
    #[derive(Debug, Default)]
    struct CountingClock(AtomicU64);

    impl WallClock for CountingClock {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn every_connection_has_a_token_of_its_own_that_lives_as_long_as_was_set() {
        let settings = Settings::default().with_clock(Arc::new(CountingClock::default()));
        let credential = SymmetricKey::from_base64("a2V5").expect("a key").into();
        let (scope, id) = (
            IdScope::new("0ne1").expect("a scope"),
            RegistrationId::new("a").expect("an id"),
        );
        let request = RegistrationRequest::new(scope, id);
        let expiry = async |settings: &Settings| {
            let mut config = settings.config(Scheme::Mqtts, &Endpoint::default(), &request);
            settings
                .prove(&mut config, &credential, &request)
                .await
                .expect("a token");
            let password = config.password.expect("a password");
            let token = SasToken::new(std::str::from_utf8(password.expose()).expect("text")).expect("a token");
            token
                .expires_at()
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("after 1970")
                .as_secs()
        };
        assert_eq!(expiry(&settings).await, 3600);
        assert_eq!(expiry(&settings).await, 3601);
        let settings = settings.with_sas_lifetime(Duration::from_secs(60));
        assert_eq!(expiry(&settings).await, 62);
    }

    #[test]
    fn a_keep_alive_is_whole_seconds_that_mqtt_can_say() {
        let keep_alive = |duration| Settings::default().with_keep_alive(duration).map(|s| s.keep_alive);
        assert_eq!(keep_alive(Duration::from_millis(1500)), Ok(Duration::from_secs(2)));
        assert_eq!(keep_alive(Duration::ZERO), Ok(Duration::ZERO));
        assert!(keep_alive(Duration::from_secs(65_536)).is_err());
        assert!(keep_alive(Duration::MAX).is_err());
    }
}

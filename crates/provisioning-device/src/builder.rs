//! Everything that a client is made of, checked before any connection.

use std::{sync::Arc, time::Duration};

use provisioning_client::{Policy, RegistrationClient};
use provisioning_mqtt::{Connector, MqttOverStream, MqttTransport, Proxy, ProxyRules, Settings, Tls, TlsConnector};
use provisioning_types::{
    ApiVersion, Credential, Endpoint, IdScope, InvalidInput, RegistrationId, RegistrationRequest,
};
use serde_json::Value;

use crate::ProvisioningDeviceClient;

/// How the service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// MQTT over TLS, TCP port 8883.
    #[cfg(feature = "mqtt")]
    Mqtt,
    /// MQTT over a WebSocket over TLS, TCP port 443: where only the web's port is open.
    #[cfg(feature = "websocket")]
    MqttWs,
}

/// Builds a [`ProvisioningDeviceClient`]. What is not set has its documented default.
#[derive(Debug, Clone)]
pub struct Builder {
    id_scope: String,
    credential: Credential,
    transport: Transport,
    endpoint: Result<Endpoint, InvalidInput>,
    registration_id: Option<String>,
    api_version: Option<String>,
    payload: Option<Value>,
    force_registration: bool,
    ca_pem: Option<Vec<u8>>,
    tls: Option<Tls>,
    proxy: Result<ProxyRules, InvalidInput>,
    settings: Settings,
    policy: Policy,
}

impl Builder {
    pub(crate) fn new(id_scope: String, credential: Credential, transport: Transport) -> Self {
        Self {
            id_scope,
            credential,
            transport,
            endpoint: Ok(Endpoint::default()),
            registration_id: None,
            api_version: None,
            payload: None,
            force_registration: false,
            ca_pem: None,
            tls: None,
            proxy: Ok(ProxyRules::default()),
            settings: Settings::default(),
            policy: Policy::default(),
        }
    }

    /// Goes to `HOST[:PORT]` rather than to the service's global endpoint.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.endpoint = host.parse();
        self
    }

    /// Goes to `endpoint`, which can also say a WebSocket path and a server name that differs from the host.
    #[doc(alias = "uri")]
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Ok(endpoint);
        self
    }

    /// Registers under this id rather than under the certificate's common name.
    #[must_use]
    pub fn with_registration_id(mut self, registration_id: impl Into<String>) -> Self {
        self.registration_id = Some(registration_id.into());
        self
    }

    /// Sends any JSON value to the enrollment's custom allocation webhook.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Value>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Speaks another version of the service's interface than 2019-03-31.
    #[must_use]
    pub fn with_api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Asks the service even though whoever keeps assignments has one.
    #[must_use]
    pub fn with_force_registration(mut self, force: bool) -> Self {
        self.force_registration = force;
        self
    }

    /// Trusts only the CA certificates in this PEM, not the platform's.
    #[must_use]
    pub fn with_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// Uses these TLS settings: needed when no TLS provider is built in.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connects through the proxy at `http://[USER:PASSWORD@]HOST[:PORT]` or `socks5://[USER:PASSWORD@]HOST[:PORT]`,
    /// with user name and password percent-encoded. The port is 80 or 1080 unless given. The proxy resolves the
    /// service's name.
    #[must_use]
    pub fn with_proxy(mut self, proxy: &str) -> Self {
        self.proxy = proxy.parse().map(|proxy: Proxy| proxy.into());
        self
    }

    /// Connects through the proxy that the environment names, as curl reads it for HTTPS: `https_proxy`, `HTTPS_PROXY`,
    /// `all_proxy` or `ALL_PROXY`, but directly to the hosts in `no_proxy` or `NO_PROXY`. The variables are read now;
    /// unless this is called, they are not looked at.
    #[must_use]
    pub fn with_proxy_from_environment(mut self) -> Self {
        self.proxy = ProxyRules::from_environment();
        self
    }

    /// The MQTT connection's manners: keep-alive, packet size, user agent.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The limits and waits of a registration, and from what it recovers.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Limits the whole registration. 300 s unless given.
    #[must_use]
    pub fn with_timeout(mut self, limit: Duration) -> Self {
        self.policy = self.policy.with_registration_limit(limit);
        self
    }

    /// Checks everything and makes the client; connects nowhere yet.
    ///
    /// # Errors
    /// [`InvalidInput`] names the first input that cannot be used, and what was expected.
    pub fn build(self) -> Result<ProvisioningDeviceClient, InvalidInput> {
        // What comes from files is read again for every connection; that it can be read is known from now on.
        let credential = self.credential.load()?;
        let registration_id = match self.registration_id {
            Some(id) => RegistrationId::new(id)?,
            None => credential.registration_id()?,
        };
        let endpoint = self.endpoint?;
        let mut request = RegistrationRequest::new(IdScope::new(self.id_scope)?, registration_id)
            .with_force_registration(self.force_registration);
        if let Some(version) = self.api_version {
            request = request.with_api_version(ApiVersion::new(version)?);
        }
        if let Some(payload) = self.payload {
            request = request.with_payload(payload);
        }
        let mut tls = match self.tls {
            Some(tls) => tls,
            None => builtin_tls()?,
        };
        if let Some(pem) = &self.ca_pem {
            tls = tls.with_only_roots_pem(pem)?;
        }
        if let Credential::X509(x509) = &credential {
            tls.check(x509)?;
        }
        let tls = TlsConnector::new(tls).with_proxy(self.proxy?);
        let transport = transport(self.transport, tls, endpoint, self.credential, self.settings);
        let client = RegistrationClient::new(Arc::clone(&transport) as _, self.policy);
        Ok(ProvisioningDeviceClient::new(client, transport, request))
    }
}

fn transport(
    transport: Transport,
    tls: TlsConnector,
    endpoint: Endpoint,
    credential: Credential,
    settings: Settings,
) -> Arc<MqttTransport> {
    let base = |connector: Arc<dyn Connector>| Arc::new(MqttOverStream::new(connector));
    Arc::new(match transport {
        #[cfg(feature = "mqtt")]
        Transport::Mqtt => MqttTransport::mqtt(base(Arc::new(tls)), endpoint, credential, settings),
        #[cfg(feature = "websocket")]
        Transport::MqttWs => {
            let connector = crate::websocket::WebSocketConnector::new(tls);
            MqttTransport::mqtt_ws(base(Arc::new(connector)), endpoint, credential, settings)
        }
    })
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without a provider feature there is no built-in TLS"
)]
fn builtin_tls() -> Result<Tls, InvalidInput> {
    Ok(Tls::new())
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn builtin_tls() -> Result<Tls, InvalidInput> {
    Err(InvalidInput::new(
        "TLS provider",
        "one given by `Builder::with_tls`, or the feature `ring` or `aws-lc-rs`",
    ))
}

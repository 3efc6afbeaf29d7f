//! Everything that a client is made of, checked before any connection.

use std::{fmt, sync::Arc, time::Duration};

use provisioning_client::{Policy, RegistrationClient};
use provisioning_mqtt::{Probe, Proxy, ProxyRules, ServiceUri, Settings, Tls, TlsConnector, TlsVersion};
use provisioning_types::{
    ApiVersion, CertificateSigningRequest, Credential, Endpoint, Host, IdScope, InvalidInput, RegistrationId,
    RegistrationRequest,
};
use serde_json::Value;

use crate::{ProvisioningDeviceClient, Transport, transport::Parts};

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
    csr: Option<CertificateSigningRequest>,
    force_registration: bool,
    ca_pem: Option<Pem>,
    extra_ca_pem: Option<Pem>,
    min_tls_version: Option<TlsVersion>,
    tls: Option<Tls>,
    fallback_after: Option<Duration>,
    proxy: Result<ProxyRules, InvalidInput>,
    settings: Settings,
    policy: Policy,
}

/// Text that is too long to be shown as the numbers that its bytes are.
#[derive(Clone)]
struct Pem(Vec<u8>);

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({} bytes)", self.0.len())
    }
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
            csr: None,
            force_registration: false,
            ca_pem: None,
            extra_ca_pem: None,
            min_tls_version: None,
            tls: None,
            fallback_after: None,
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

    /// Expects the server's certificate to bear `name` rather than the host: for a gateway or a tunnel on the way.
    #[must_use]
    pub fn with_server_name(mut self, name: &str) -> Self {
        let name = Host::new(name).map_err(|error| InvalidInput::new("server name", error.expected().to_owned()));
        self.endpoint = self.endpoint.and_then(|endpoint| Ok(endpoint.with_server_name(name?)));
        self
    }

    /// Uses `port` instead of 443 for the WebSocket, where the host's own port is MQTT's.
    #[must_use]
    pub fn with_websocket_port(mut self, port: u16) -> Self {
        self.endpoint = self.endpoint.and_then(|endpoint| endpoint.with_websocket_port(port));
        self
    }

    /// How long [`Transport::MqttThenWs`] tries each of its two ways. 10 s unless given.
    #[must_use]
    pub fn with_fallback_after(mut self, limit: Duration) -> Self {
        self.fallback_after = Some(limit);
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

    /// Asks for a certificate too (a preview of the service): read it with
    /// [`Assignment::issued_chain`](crate::Assignment::issued_chain).
    #[must_use]
    pub fn with_csr(mut self, request: CertificateSigningRequest) -> Self {
        self.csr = Some(request);
        self
    }

    /// Speaks this version of the service's interface: otherwise 2019-03-31, or with a CSR 2025-07-01-preview.
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
        self.ca_pem = Some(Pem(pem.into()));
        self
    }

    /// Trusts the CA certificates in this PEM too, beside the platform's or those of
    /// [`with_ca_pem`](Self::with_ca_pem).
    #[must_use]
    pub fn with_extra_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_ca_pem = Some(Pem(pem.into()));
        self
    }

    /// Speaks no older version of TLS. 1.2 unless given.
    #[must_use]
    pub fn with_min_tls_version(mut self, version: TlsVersion) -> Self {
        self.min_tls_version = Some(version);
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
        let registration_id = match &self.registration_id {
            Some(id) => RegistrationId::new(id.as_str())?,
            None => credential.registration_id()?,
        };
        let mut request = RegistrationRequest::new(IdScope::new(self.id_scope.as_str())?, registration_id)
            .with_force_registration(self.force_registration);
        if let Some(version) = &self.api_version {
            request = request.with_api_version(ApiVersion::new(version)?);
        }
        if let Some(payload) = &self.payload {
            request = request.with_payload(payload.clone());
        }
        if let Some(csr) = &self.csr {
            request = request.with_csr(csr.clone())?;
        }
        let tls = self.tls()?;
        if let Credential::X509(x509) = &credential {
            tls.check(x509)?;
        }
        let endpoint = self.endpoint?;
        // The transport has it too, but whoever keeps assignments sees only the request.
        let request = request.with_endpoint(endpoint.clone());
        let transport = Arc::new(self.transport.assemble(Parts {
            tls: TlsConnector::new(tls).with_proxy(self.proxy?),
            endpoint,
            credential: self.credential,
            settings: self.settings,
            fallback_after: self.fallback_after,
        }));
        let client = RegistrationClient::new(Arc::clone(&transport) as _, self.policy);
        Ok(ProvisioningDeviceClient::new(client, transport, request))
    }

    /// Connects as the client would with `transport`, up to and including TLS, and tells what each step showed:
    /// for diagnosis. Registers nothing.
    ///
    /// # Errors
    /// [`InvalidInput`] names what cannot be used. That a step fails is part of the answer.
    pub async fn probe(&self, transport: Transport) -> Result<Probe, InvalidInput> {
        let x509 = match self.credential.load()? {
            Credential::X509(x509) => Some(x509),
            _ => None,
        };
        let connector = TlsConnector::new(self.tls()?).with_proxy(self.proxy.clone()?);
        let uri = ServiceUri::new(transport.scheme(), self.endpoint.clone()?);
        Ok(connector.probe(&uri, x509.as_ref()).await)
    }

    fn tls(&self) -> Result<Tls, InvalidInput> {
        let mut tls = match &self.tls {
            Some(tls) => tls.clone(),
            None => builtin_tls()?,
        };
        if let Some(Pem(pem)) = &self.ca_pem {
            tls = tls.with_only_roots_pem(pem)?;
        }
        if let Some(Pem(pem)) = &self.extra_ca_pem {
            tls = tls
                .with_extra_roots_pem(pem)
                .map_err(|error| InvalidInput::new("extra CA certificates", error.expected().to_owned()))?;
        }
        if let Some(version) = self.min_tls_version {
            tls = tls.with_min_version(version);
        }
        Ok(tls)
    }
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

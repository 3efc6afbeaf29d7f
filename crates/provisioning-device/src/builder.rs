//! Everything that a client is made of, checked before any connection.

use std::{sync::Arc, time::Duration};

use provisioning_client::{Policy, RegistrationClient};
use provisioning_credentials::{CertificateSigningRequest, Credential, DeviceIdentity, TrustedRoots, WallClock};
use provisioning_mqtt::MqttOptions;
use provisioning_net::{Probe, Proxy, ProxyRules, ServiceUri, Target, TcpConnector, Tls, TlsConnector, TlsVersion};
use provisioning_types::{
    ApiVersion, Endpoint, Host, IdScope, InvalidInput, Payload, RegistrationId, RegistrationRequest, RootSource,
};

use crate::{
    client::ProvisioningDeviceClient,
    transport::{Parts, Transport},
};

/// Builds a [`ProvisioningDeviceClient`]. What is not set has its documented default.
#[derive(Debug, Clone)]
pub struct Builder {
    id_scope: String,
    transport: Transport,
    endpoint: Result<Endpoint, InvalidInput>,
    identity: DeviceIdentity,
    registration_id: Option<String>,
    api_version: Option<String>,
    payload: Option<Payload>,
    csr: Option<CertificateSigningRequest>,
    force_registration: bool,
    roots: Option<Roots>,
    extra_roots: Option<Roots>,
    min_tls_version: Option<TlsVersion>,
    tls: Option<Tls>,
    fallback_after: Option<Duration>,
    proxy: Result<ProxyRules, InvalidInput>,
    mqtt_options: MqttOptions,
    policy: Policy,
}

type Roots = Result<Arc<dyn RootSource>, InvalidInput>;

impl ProvisioningDeviceClient {
    /// Starts with what every client needs: the id scope of the service instance, the device's credential, and the
    /// transport.
    pub fn builder(id_scope: impl Into<String>, credential: impl Into<Credential>, transport: Transport) -> Builder {
        Builder {
            id_scope: id_scope.into(),
            transport,
            endpoint: Ok(Endpoint::default()),
            identity: DeviceIdentity::new(credential),
            registration_id: None,
            api_version: None,
            payload: None,
            csr: None,
            force_registration: false,
            roots: None,
            extra_roots: None,
            min_tls_version: None,
            tls: None,
            fallback_after: None,
            proxy: Ok(ProxyRules::default()),
            mqtt_options: MqttOptions::default(),
            policy: Policy::default(),
        }
    }
}

impl Builder {
    /// Connects to `HOST[:PORT]` instead of the service's global endpoint.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.endpoint = host.parse();
        self
    }

    /// Connects to `endpoint`, which can also hold a WebSocket path and a server name that differs from the host.
    #[doc(alias = "uri")]
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Ok(endpoint);
        self
    }

    /// Expects `name` in the server's certificate instead of the host: for a gateway or a tunnel.
    #[must_use]
    pub fn with_server_name(mut self, name: &str) -> Self {
        let name = Host::new(name).map_err(|error| InvalidInput::new("server name", error.expected().to_owned()));
        self.endpoint = self.endpoint.and_then(|endpoint| Ok(endpoint.with_server_name(name?)));
        self
    }

    /// Uses `port` instead of 443 for the WebSocket, where the host's port is MQTT's.
    #[must_use]
    pub fn with_websocket_port(mut self, port: u16) -> Self {
        self.endpoint = self.endpoint.and_then(|endpoint| endpoint.with_websocket_port(port));
        self
    }

    /// How long [`Transport::MqttWithWebSocketFallback`] tries each of its two ways. 10 s by default.
    #[must_use]
    pub fn with_fallback_after(mut self, limit: Duration) -> Self {
        self.fallback_after = Some(limit);
        self
    }

    /// Registers under this id instead of the certificate's common name.
    #[must_use]
    pub fn with_registration_id(mut self, registration_id: impl Into<String>) -> Self {
        self.registration_id = Some(registration_id.into());
        self
    }

    /// Sends any JSON value to the enrollment's custom allocation webhook.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Payload>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Asks for a certificate too: read it with [`IssuedChain::from_state`](crate::IssuedChain::from_state).
    #[must_use]
    pub fn with_csr(mut self, request: CertificateSigningRequest) -> Self {
        self.csr = Some(request);
        self
    }

    /// Sends this api-version: 2019-03-31 by default, or 2025-07-01-preview with a CSR.
    #[must_use]
    pub fn with_api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Asks the service even if there is a stored assignment.
    #[must_use]
    pub fn with_force_registration(mut self, force: bool) -> Self {
        self.force_registration = force;
        self
    }

    /// Trusts only the CA certificates in this PEM, not the platform's.
    #[must_use]
    pub fn with_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots = Some(fixed(TrustedRoots::from_pem(pem.as_ref())));
        self
    }

    /// Trusts only the CA certificates that `roots` provides, not the platform's. It is asked for every connection:
    /// with [`TrustedRoots::from_file`] a replaced file needs no restart.
    #[must_use]
    pub fn with_roots(mut self, roots: impl RootSource + 'static) -> Self {
        self.roots = Some(Ok(Arc::new(roots)));
        self
    }

    /// Trusts the CA certificates in this PEM too, beside the platform's or those of
    /// [`with_ca_pem`](Self::with_ca_pem).
    #[must_use]
    pub fn with_extra_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        let roots = TrustedRoots::from_pem(pem.as_ref());
        let named = roots.map_err(|error| InvalidInput::new("extra CA certificates", error.expected().to_owned()));
        self.extra_roots = Some(fixed(named));
        self
    }

    /// Rejects older versions of TLS. 1.2 by default.
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

    /// MQTT connection options: keep-alive, packet size, user agent.
    #[must_use]
    pub fn with_mqtt_options(mut self, options: MqttOptions) -> Self {
        self.mqtt_options = options;
        self
    }

    /// How long a token that a symmetric key signs is valid. 1 h by default; each connection has a new one.
    #[must_use]
    pub fn with_sas_lifetime(mut self, lifetime: Duration) -> Self {
        self.identity = self.identity.with_sas_lifetime(lifetime);
        self
    }

    /// Takes the time of day, by which tokens expire, from `clock` instead of the system.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.identity = self.identity.with_clock(clock);
        self
    }

    /// The timeouts and waits of a registration, and what it recovers from.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Limits the whole registration. 300 s by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.policy = self.policy.with_registration_timeout(timeout);
        self
    }

    /// Checks everything and makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`InvalidInput`] names the first input that cannot be used, and what was expected.
    pub fn build(self) -> Result<ProvisioningDeviceClient, InvalidInput> {
        // Files are read again for every connection; this read finds the errors early.
        let credential = self.identity.credential().load()?;
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
            let csr = csr.for_registration(request.registration_id())?;
            request = request.with_csr(csr);
        }
        let tls = self.tls()?;
        if let Credential::X509(x509) = &credential {
            tls.check(x509.certificate())?;
        }
        let endpoint = self.endpoint.clone()?;
        let transport = self.transport.assemble(Parts {
            tls: self.connector(tls)?,
            endpoint: endpoint.clone(),
            identity: Arc::new(self.identity.clone()),
            options: self.mqtt_options,
            fallback_after: self.fallback_after,
        });
        let client = RegistrationClient::new(Arc::new(transport), self.policy);
        // The transport has the endpoint too, but a stored assignment is compared with the request only.
        Ok(ProvisioningDeviceClient::new(client, request.with_endpoint(endpoint)))
    }

    /// Connects as the client would with `transport`, up to and including TLS, and returns what each step showed: for
    /// diagnosis. Registers nothing.
    ///
    /// # Errors
    /// [`InvalidInput`] names what cannot be used. A failed step is part of the [`Probe`].
    pub async fn probe(&self, transport: Transport) -> Result<Probe, InvalidInput> {
        let credential = self.identity.credential().load()?;
        let certificate = match &credential {
            Credential::X509(x509) => Some(x509.certificate()),
            _ => None,
        };
        let uri = ServiceUri::new(transport.scheme(), self.endpoint.clone()?);
        let target = Target::new(&uri).with_certificate(certificate);
        Ok(self.connector(self.tls()?)?.probe(&target).await)
    }

    fn connector(&self, tls: Tls) -> Result<TlsConnector, InvalidInput> {
        let tcp = TcpConnector::new().with_proxy(self.proxy.clone()?);
        Ok(TlsConnector::over(tcp, tls))
    }

    fn tls(&self) -> Result<Tls, InvalidInput> {
        let mut tls = match &self.tls {
            Some(tls) => tls.clone(),
            None => builtin_tls()?,
        };
        if let Some(roots) = &self.roots {
            tls = tls.with_only_roots(Arc::clone(roots.as_ref().map_err(Clone::clone)?));
        }
        if let Some(roots) = &self.extra_roots {
            tls = tls.with_extra_roots(Arc::clone(roots.as_ref().map_err(Clone::clone)?));
        }
        if let Some(version) = self.min_tls_version {
            tls = tls.with_min_version(version);
        }
        tls.check_roots()?;
        Ok(tls)
    }
}

fn fixed(roots: Result<TrustedRoots, InvalidInput>) -> Roots {
    roots.map(|roots| Arc::new(roots) as _)
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

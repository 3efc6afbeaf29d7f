//! Everything that a client is made of, checked before any connection.

mod getters;
mod settings;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use provisioning_client::{Policy, RegistrationClient};
use provisioning_credentials::{CertificateSigningRequest, Credential, DeviceIdentity};
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::{
    Connector, Probe, ProxyRules, ServiceUri, Target, TcpConnector, Tls, TlsConnector, TlsProvider, TlsVersion,
};
use provisioning_types::{
    ApiVersion, CredentialError, Endpoint, Host, IdScope, InvalidInput, Payload, PollingTransport, RegistrationId,
    RegistrationRequest, RootSource,
};

use crate::{
    client::ProvisioningDeviceClient,
    transport::{Parts, Transport},
};

/// Builds a [`ProvisioningDeviceClient`]. What is not set has its documented default.
///
/// The order of calls does not matter. A setting of the builder itself, such as
/// [`with_timeout`](Self::with_timeout), wins over the same setting in a value that is passed in, such as a [`Policy`].
/// Arguments are the checked type or text; text that cannot be used is found by [`build`](Self::build).
#[derive(Debug, Clone)]
pub struct Builder {
    id_scope: Checked<IdScope>,
    transport: Transport,
    connector: Option<Own<dyn Connector>>,
    polling_transport: Option<Own<dyn PollingTransport>>,
    endpoint: Option<Endpoint>,
    host: Option<Checked<Endpoint>>,
    server_name: Option<Checked<Host>>,
    websocket_port: Option<u16>,
    identity: DeviceIdentity,
    registration_id: Option<Checked<RegistrationId>>,
    api_version: Option<Checked<ApiVersion>>,
    payload: Option<Checked<Payload>>,
    max_payload: Option<usize>,
    csr: Option<CertificateSigningRequest>,
    force_registration: bool,
    roots: Option<Checked<Arc<dyn RootSource>>>,
    extra_roots: Option<Checked<Arc<dyn RootSource>>>,
    min_tls_version: Option<TlsVersion>,
    tls_provider: Option<Checked<TlsProvider>>,
    tls: Option<Tls>,
    connect_timeout: Option<Duration>,
    fallback_after: Option<Duration>,
    proxy: Checked<ProxyRules>,
    mqtt_options: MqttOptions,
    policy: Policy,
    timeout: Option<Duration>,
}

/// An argument as it was checked.
type Checked<T> = Result<T, InvalidInput>;

/// A caller's own connector or transport.
struct Own<T: ?Sized>(Arc<T>);

impl<T: ?Sized> Clone for Own<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> fmt::Debug for Own<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own(…)")
    }
}

impl ProvisioningDeviceClient {
    /// Starts with what every client needs: the id scope of the service instance, the device's credential, and the
    /// transport.
    pub fn builder(
        id_scope: impl TryInto<IdScope, Error: Into<InvalidInput>>,
        credential: impl Into<Credential>,
        transport: Transport,
    ) -> Builder {
        Builder {
            id_scope: checked(id_scope),
            transport,
            connector: None,
            polling_transport: None,
            endpoint: None,
            host: None,
            server_name: None,
            websocket_port: None,
            identity: DeviceIdentity::new(credential),
            registration_id: None,
            api_version: None,
            payload: None,
            max_payload: None,
            csr: None,
            force_registration: false,
            roots: None,
            extra_roots: None,
            min_tls_version: None,
            tls_provider: None,
            tls: None,
            connect_timeout: None,
            fallback_after: None,
            proxy: Ok(ProxyRules::default()),
            mqtt_options: MqttOptions::default(),
            policy: Policy::default(),
            timeout: None,
        }
    }
}

impl Builder {
    /// Checks everything and makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`InvalidInput`] names the first input that cannot be used, and what was expected.
    pub fn build(self) -> Result<ProvisioningDeviceClient, InvalidInput> {
        // Files are read again for every connection; this read finds the errors early.
        self.identity.check()?;
        let credential = self.identity.credential().load_if_ready()?;
        // Before the registration id, which the first certificate contains: it may be another than the device's own.
        let client = match &self.polling_transport {
            Some(Own(transport)) => RegistrationClient::new(Arc::clone(transport), self.policy()),
            None => RegistrationClient::new(self.mqtt_transport(&credential)?, self.policy()),
        };
        let registration_id = match &self.registration_id {
            Some(id) => id.clone()?,
            None => credential.registration_id()?,
        };
        let mut request = RegistrationRequest::new(self.id_scope.clone()?, registration_id)
            .with_force_registration(self.force_registration)
            .with_endpoint(self.endpoint()?);
        if let Some(version) = &self.api_version {
            request = request.with_api_version(version.clone()?);
        }
        if let Some(payload) = &self.payload {
            request = request.with_payload(payload.clone()?);
        }
        if let Some(bytes) = self.max_payload {
            request = request.with_max_payload(bytes);
        }
        request.check_payload()?;
        if let Some(csr) = &self.csr {
            let csr = csr.for_registration(request.registration_id())?;
            request = request.with_csr(csr);
        }
        Ok(ProvisioningDeviceClient::new(client, request))
    }

    /// Connects as the client would with `transport`, up to and including TLS, and returns what each step showed: for
    /// diagnosis. Registers nothing.
    ///
    /// # Errors
    /// [`InvalidInput`] names what cannot be used. A failed step is part of the [`Probe`].
    pub async fn probe(&self, transport: Transport) -> Result<Probe, InvalidInput> {
        let credential = self.identity.credential().load().await.map_err(unavailable)?;
        let certificate = match &credential {
            Credential::X509(x509) => Some(x509.certificate()),
            _ => None,
        };
        let uri = ServiceUri::new(transport.scheme(), self.endpoint()?);
        let target = Target::new(&uri).with_certificate(certificate);
        Ok(self.tls_connector(self.tls()?)?.probe(&target).await)
    }

    fn mqtt_transport(&self, credential: &Credential) -> Result<MqttTransport, InvalidInput> {
        let (endpoint, identity, options) = (self.endpoint()?, self.identity.clone(), self.mqtt_options.clone());
        if let Some(Own(connector)) = &self.connector {
            return Ok(MqttTransport::new(Arc::clone(connector), endpoint, identity, options));
        }
        let tls = self.tls()?;
        if let Credential::X509(x509) = credential {
            tls.check(x509.certificate()).map_err(|error| x509.locate(error))?;
        }
        Ok(self.transport.assemble(Parts {
            tls: self.tls_connector(tls)?,
            endpoint,
            identity,
            options,
            fallback_after: self.fallback_after.or(self.connect_timeout),
        }))
    }

    fn tls_connector(&self, tls: Tls) -> Result<TlsConnector, InvalidInput> {
        let mut tcp = TcpConnector::new().with_proxy(self.proxy.clone()?);
        if let Some(timeout) = self.connect_timeout {
            tcp = tcp.with_connect_timeout(timeout);
        }
        Ok(TlsConnector::over(tcp, tls))
    }

    /// The TLS settings that the builder's own are added to.
    fn base_tls(&self) -> Result<Tls, InvalidInput> {
        match (&self.tls, &self.tls_provider) {
            (Some(tls), _) => Ok(tls.clone()),
            (None, Some(provider)) => Ok(Tls::with_built_in(provider.clone()?)),
            (None, None) => builtin_tls(),
        }
    }

    fn tls(&self) -> Result<Tls, InvalidInput> {
        let mut tls = self.base_tls()?;
        if let Some(roots) = &self.roots {
            tls = tls.with_only_roots(roots.clone()?);
        }
        if let Some(roots) = &self.extra_roots {
            tls = tls.with_extra_roots(roots.clone()?);
        }
        if let Some(version) = self.min_tls_version {
            tls = tls.with_min_version(version);
        }
        tls.check_roots()?;
        Ok(tls)
    }
}

fn unavailable(error: CredentialError) -> InvalidInput {
    match error {
        CredentialError::Invalid(error) => error,
        error => {
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            InvalidInput::new("credential", format!("one that is available now ({cause})"))
        }
    }
}

fn checked<T>(argument: impl TryInto<T, Error: Into<InvalidInput>>) -> Checked<T> {
    argument.try_into().map_err(Into::into)
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

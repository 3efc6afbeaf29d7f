//! What the builder would build.

use std::time::Duration;

use provisioning_client::Policy;
use provisioning_credentials::{CertificateSigningRequest, Credential};
use provisioning_mqtt::MqttOptions;
use provisioning_net::{ProxyRules, TlsProvider, TlsVersion};
use provisioning_types::{ApiVersion, Endpoint, IdScope, InvalidInput, Payload, RegistrationId};

use super::Builder;
use crate::transport::Transport;

impl Builder {
    /// The id scope.
    ///
    /// # Errors
    /// What was given cannot be used; likewise below.
    pub fn id_scope(&self) -> Result<&IdScope, InvalidInput> {
        self.id_scope.as_ref().map_err(Clone::clone)
    }

    /// The transport.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The device's credential.
    pub fn credential(&self) -> &Credential {
        self.identity.credential()
    }

    /// Where to connect to: everything that was set, together.
    ///
    /// # Errors
    /// Host, server name or WebSocket port cannot be used.
    pub fn endpoint(&self) -> Result<Endpoint, InvalidInput> {
        let mut endpoint = self.endpoint.clone().unwrap_or_default();
        if let Some(host) = &self.host {
            let host = host.as_ref().map_err(Clone::clone)?;
            endpoint = endpoint.with_host(host.host().clone()).without_port();
            if let Some(port) = host.port() {
                endpoint = endpoint.with_port(port)?;
            }
        }
        if let Some(name) = &self.server_name {
            endpoint = endpoint.with_server_name(name.clone()?);
        }
        match self.websocket_port {
            Some(port) => endpoint.with_websocket_port(port),
            None => Ok(endpoint),
        }
    }

    /// The registration id that was given; without one it is the certificate's common name.
    ///
    /// # Errors
    /// What was given cannot be used.
    pub fn registration_id(&self) -> Result<Option<&RegistrationId>, InvalidInput> {
        self.registration_id
            .as_ref()
            .map(Result::as_ref)
            .transpose()
            .map_err(Clone::clone)
    }

    /// The api-version that was given.
    ///
    /// # Errors
    /// What was given cannot be used.
    pub fn api_version(&self) -> Result<Option<&ApiVersion>, InvalidInput> {
        self.api_version
            .as_ref()
            .map(Result::as_ref)
            .transpose()
            .map_err(Clone::clone)
    }

    /// The payload.
    ///
    /// # Errors
    /// What was given is not JSON.
    pub fn payload(&self) -> Result<Option<&Payload>, InvalidInput> {
        self.payload
            .as_ref()
            .map(Result::as_ref)
            .transpose()
            .map_err(Clone::clone)
    }

    /// The certificate signing request.
    pub fn csr(&self) -> Option<&CertificateSigningRequest> {
        self.csr.as_ref()
    }

    /// Whether a stored assignment is not to be used.
    pub fn force_registration(&self) -> bool {
        self.force_registration
    }

    /// The timeout of each attempt to reach the service over TCP, if it was given.
    pub fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    /// Which connections go through a proxy.
    ///
    /// # Errors
    /// What was given, or the environment's value, cannot be used.
    pub fn proxy(&self) -> Result<&ProxyRules, InvalidInput> {
        self.proxy.as_ref().map_err(Clone::clone)
    }

    /// The oldest version of TLS that is accepted, if it was given.
    pub fn min_tls_version(&self) -> Option<TlsVersion> {
        self.min_tls_version
    }

    /// The TLS provider that the client will use; `None` when [`with_tls`](Self::with_tls) brought another one.
    ///
    /// # Errors
    /// This build has no provider of that name, or no provider at all.
    pub fn tls_provider(&self) -> Result<Option<TlsProvider>, InvalidInput> {
        self.base_tls().map(|tls| tls.provider())
    }

    /// How long the fallback tries each way, if it was given.
    pub fn fallback_after(&self) -> Option<Duration> {
        self.fallback_after
    }

    /// The MQTT connection options.
    pub fn mqtt_options(&self) -> &MqttOptions {
        &self.mqtt_options
    }

    /// The policy, with the builder's own timeout.
    pub fn policy(&self) -> Policy {
        let policy = self.policy.clone();
        match self.timeout {
            Some(timeout) => policy.with_registration_timeout(timeout),
            None => policy,
        }
    }
}

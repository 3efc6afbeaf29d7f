//! The settings of the builder.

use std::{sync::Arc, time::Duration};

use provisioning_client::Policy;
use provisioning_credentials::{CertificateSigningRequest, TrustedRoots, WallClock};
use provisioning_mqtt::MqttOptions;
use provisioning_net::{Connector, Proxy, ProxyRules, Tls, TlsProvider, TlsVersion};
use provisioning_types::{
    ApiVersion, Endpoint, Host, InvalidInput, Payload, PollingTransport, RegistrationId, RootSource,
};

use super::{Builder, Checked, Own, checked};

/// Where to connect to.
impl Builder {
    /// Connects to `HOST[:PORT]` instead of the service's global endpoint.
    #[must_use]
    pub fn with_host(mut self, host: impl TryInto<Endpoint, Error: Into<InvalidInput>>) -> Self {
        self.host = Some(checked(host));
        self
    }

    /// Connects to `endpoint`, which can also hold a WebSocket path and a server name that differs from the host.
    #[doc(alias = "uri")]
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Expects `name` in the server's certificate instead of the host: for a gateway or a tunnel.
    #[must_use]
    pub fn with_server_name(mut self, name: impl TryInto<Host, Error: Into<InvalidInput>>) -> Self {
        let name = checked(name);
        self.server_name = Some(name.map_err(|error| InvalidInput::new("server name", error.expected().to_owned())));
        self
    }

    /// Uses `port` instead of 443 for the WebSocket, where the host's port is MQTT's.
    #[must_use]
    pub fn with_websocket_port(mut self, port: u16) -> Self {
        self.websocket_port = Some(port);
        self
    }

    /// Limits each attempt to reach the service over TCP: the name, every address, and the proxy. 12 s by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long `Transport::MqttWithWebSocketFallback` tries each of its two ways, TLS included. The
    /// [connect timeout](Self::with_connect_timeout) by default.
    #[must_use]
    pub fn with_fallback_after(mut self, timeout: Duration) -> Self {
        self.fallback_after = Some(timeout);
        self
    }

    /// Connects through the proxy at `http://[USER:PASSWORD@]HOST[:PORT]` or `socks5://[USER:PASSWORD@]HOST[:PORT]`,
    /// with user name and password percent-encoded. The port is 80 or 1080 unless given. The proxy resolves the
    /// service's name.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl TryInto<Proxy, Error: Into<InvalidInput>>) -> Self {
        self.proxy = checked(proxy).map(ProxyRules::from);
        self
    }

    /// Connects through the proxy that the environment names, as curl reads it for HTTPS: `https_proxy`, `HTTPS_PROXY`,
    /// `all_proxy` or `ALL_PROXY`, but directly to the hosts in `no_proxy` or `NO_PROXY`. The variables are read now;
    /// unless this is called, they are not read at all. If they name no proxy, the connection is direct: that, and
    /// entries of `no_proxy` that cannot be used, are [warnings](ProxyRules::warnings) of [`proxy`](Self::proxy).
    #[must_use]
    pub fn with_proxy_from_environment(mut self) -> Self {
        self.proxy = ProxyRules::from_environment();
        self
    }

    /// Carries MQTT over the byte streams of `connector` instead of those of the [`Transport`](crate::Transport): a
    /// tunnel, a modem, a test. Settings of TLS and of proxies do not apply to it.
    #[must_use]
    pub fn with_connector(mut self, connector: impl Connector + 'static) -> Self {
        self.connector = Some(Own(Arc::new(connector)));
        self
    }

    /// Sends requests over `transport` instead of MQTT. Settings of TLS, of proxies and of MQTT do not apply to it.
    #[must_use]
    pub fn with_polling_transport(mut self, transport: impl PollingTransport + 'static) -> Self {
        self.polling_transport = Some(Own(Arc::new(transport)));
        self
    }
}

/// What is asked for.
impl Builder {
    /// Registers under this id instead of the certificate's common name.
    #[must_use]
    pub fn with_registration_id(
        mut self,
        registration_id: impl TryInto<RegistrationId, Error: Into<InvalidInput>>,
    ) -> Self {
        self.registration_id = Some(checked(registration_id));
        self
    }

    /// Sends a JSON value to the enrollment's custom allocation webhook: a `serde_json::Value`, or text that is JSON.
    #[must_use]
    pub fn with_payload(mut self, payload: impl TryInto<Payload, Error: Into<InvalidInput>>) -> Self {
        self.payload = Some(checked(payload));
        self
    }

    /// Asks for a certificate too: read it with [`IssuedChain::from_state`](crate::IssuedChain::from_state).
    #[must_use]
    pub fn with_csr(mut self, request: CertificateSigningRequest) -> Self {
        self.csr = Some(request);
        self
    }

    /// Sends this api-version: 2019-03-31 by default, or 2026-11-01 with a CSR.
    #[must_use]
    pub fn with_api_version(mut self, version: impl TryInto<ApiVersion, Error: Into<InvalidInput>>) -> Self {
        self.api_version = Some(checked(version));
        self
    }

    /// Allows a payload of up to `bytes`. 96 KiB by default, the size of a message that the service takes.
    #[must_use]
    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = Some(bytes);
        self
    }

    /// Asks the service even if there is a stored assignment.
    #[must_use]
    pub fn with_force_registration(mut self, force: bool) -> Self {
        self.force_registration = force;
        self
    }
}

/// Trust, cryptography, and how the device proves its identity.
impl Builder {
    /// Trusts only the CA certificates in this PEM or DER, not the platform's.
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

    /// Trusts the CA certificates in this PEM or DER too, beside the platform's or those of
    /// [`with_ca_pem`](Self::with_ca_pem).
    #[must_use]
    pub fn with_extra_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        let roots = TrustedRoots::from_pem(pem.as_ref());
        self.extra_roots = Some(fixed(roots.map_err(|error| error.named("extra CA certificates"))));
        self
    }

    /// Rejects older versions of TLS. 1.2 by default.
    #[must_use]
    pub fn with_min_tls_version(mut self, version: TlsVersion) -> Self {
        self.min_tls_version = Some(version);
        self
    }

    /// Uses this TLS provider, or the one with this name, of those that this build came with;
    /// [`with_tls`](Self::with_tls) wins over it.
    #[must_use]
    pub fn with_tls_provider(mut self, provider: impl TryInto<TlsProvider, Error: Into<InvalidInput>>) -> Self {
        self.tls_provider = Some(checked(provider));
        self
    }

    /// Uses these TLS settings: needed when no TLS provider is built in.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long a token that a symmetric key signs is valid. 1 h by default; each connection has a new one. `build`
    /// rejects an expiry beyond the range of the clock.
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
}

/// Options and timeouts.
impl Builder {
    /// MQTT connection options: keep-alive, packet size, pipelining, user agent.
    #[must_use]
    pub fn with_mqtt_options(mut self, options: MqttOptions) -> Self {
        self.mqtt_options = options;
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
        self.timeout = Some(timeout);
        self
    }
}

fn fixed(roots: Checked<TrustedRoots>) -> Checked<Arc<dyn RootSource>> {
    roots.map(|roots| Arc::new(roots) as _)
}

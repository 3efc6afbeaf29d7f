//! The options of a client that do not depend on the service: read and checked before anything starts.

use provisioning_device::{
    Builder, CertificateSigningRequest, Credential, InputFile, InvalidInput, MqttOptions, Payload, Policy,
    ProvisioningDeviceClient, Recovery, Secret, SymmetricKey, TlsVersion, Transport,
};

use super::flags::{Limits, Network, PayloadSource, Registration, TlsMin};

/// The options, with the content of the files that the flags name.
pub(crate) struct Options<'a> {
    flags: &'a Registration,
    mqtt_options: MqttOptions,
    payload: Option<Payload>,
    extra_ca: Option<Secret>,
    csr: Option<CertificateSigningRequest>,
    csr_file: Option<InputFile>,
    force: bool,
}

impl<'a> Options<'a> {
    /// Reads the files.
    pub(crate) fn read(flags: &'a Registration) -> Result<Self, InvalidInput> {
        let extra_ca = flags.network.extra_ca.as_ref();
        let payload = flags.service.payload.as_ref();
        Ok(Self {
            flags,
            mqtt_options: mqtt_options(&flags.network)?,
            payload: payload.map(self::payload).transpose()?,
            extra_ca: extra_ca.map(|file| file.read(EXTRA_CA)).transpose()?,
            csr: None,
            csr_file: None,
            force: false,
        })
    }

    /// Requests a certificate too. `file` contains the request, if it is in one.
    pub(crate) fn with_csr(mut self, csr: Option<CertificateSigningRequest>, file: Option<InputFile>) -> Self {
        (self.csr, self.csr_file) = (csr, file);
        self
    }

    /// Asks the service although an assignment is stored.
    pub(crate) fn with_force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// A builder with everything that a client needs, for checks: its id scope and its credential are placeholders.
    pub(crate) fn placeholder_builder(&self, registration_id: &str) -> Result<Builder, InvalidInput> {
        let key = SymmetricKey::from_base64("AA==")?;
        Ok(self.builder("stand-in", key).with_registration_id(registration_id))
    }

    /// The same for probes, which register nothing; without `credential` that is a placeholder too.
    pub(crate) fn probing_builder(&self, credential: Option<Credential>) -> Result<Builder, InvalidInput> {
        Ok(match credential {
            Some(credential) => self.builder("stand-in", credential).with_registration_id("stand-in"),
            None => self.placeholder_builder("stand-in")?,
        })
    }

    /// The certificates in the file of --extra-ca.
    pub(crate) fn extra_ca(&self) -> Option<&Secret> {
        self.extra_ca.as_ref()
    }

    /// The length of the payload; 0 without one.
    pub(crate) fn payload_size(&self) -> usize {
        self.payload.as_ref().map_or(0, |payload| payload.as_json().len())
    }

    /// Builds a client. Names the file of an input that only the client can check.
    pub(crate) fn build(&self, builder: Builder) -> Result<ProvisioningDeviceClient, InvalidInput> {
        builder.build().map_err(|error| match self.file_of(error.input()) {
            Some(file) => error.found_in(file),
            None => error,
        })
    }

    fn file_of(&self, input: &str) -> Option<&InputFile> {
        match input {
            "CA certificates" => self.flags.network.ca.as_ref(),
            EXTRA_CA => self.flags.network.extra_ca.as_ref(),
            "certificate signing request" => self.csr_file.as_ref(),
            "payload" => self.flags.service.payload.as_ref()?.file(),
            _ => None,
        }
    }

    /// A builder with these options.
    pub(crate) fn builder(&self, id_scope: &str, credential: impl Into<Credential>) -> Builder {
        let Registration {
            service,
            identity,
            network,
            limits,
        } = self.flags;
        let mut builder = ProvisioningDeviceClient::builder(id_scope, credential, transport(network))
            .with_force_registration(self.force)
            .with_mqtt_options(self.mqtt_options.clone())
            .with_policy(policy(limits));
        if let Some(timeout) = network.connect_timeout {
            builder = builder.with_connect_timeout(timeout);
        }
        if let Some(timeout) = network.fallback_after {
            builder = builder.with_fallback_after(timeout);
        }
        if let Some(lifetime) = identity.sas_lifetime {
            builder = builder.with_sas_lifetime(lifetime);
        }
        if let Some(version) = network.tls_min {
            builder = builder.with_min_tls_version(match version {
                TlsMin::V1_2 => TlsVersion::V1_2,
                TlsMin::V1_3 => TlsVersion::V1_3,
            });
        }
        if let Some(pem) = &self.extra_ca {
            builder = builder.with_extra_ca_pem(pem.expose());
        }
        if let Some(proxy) = &network.proxy {
            builder = builder.with_proxy(proxy);
        } else if network.proxy_from_environment {
            builder = builder.with_proxy_from_environment();
        }
        if let Some(csr) = &self.csr {
            builder = builder.with_csr(csr.clone());
        }
        if let Some(payload) = &self.payload {
            builder = builder.with_payload(payload.clone());
        }
        if let Some(bytes) = service.max_payload {
            builder = builder.with_max_payload(bytes);
        }
        if let Some(version) = &service.api_version {
            builder = builder.with_api_version(version);
        }
        builder
    }
}

fn transport(flags: &Network) -> Transport {
    if flags.websocket {
        Transport::MqttWs
    } else if flags.fallback {
        Transport::MqttWithWebSocketFallback
    } else {
        Transport::Mqtt
    }
}

fn mqtt_options(flags: &Network) -> Result<MqttOptions, InvalidInput> {
    let mut options = MqttOptions::default();
    if let Some(keep_alive) = flags.keep_alive {
        options = options.with_keep_alive(keep_alive)?;
    }
    if let Some(pipelining) = flags.pipelining {
        options = options.with_pipelining(pipelining);
    }
    if let Some(suffix) = &flags.user_agent_suffix {
        options = options.with_user_agent_suffix(suffix)?;
    }
    Ok(options)
}

fn policy(flags: &Limits) -> Policy {
    Policy::default()
        .with_registration_timeout(flags.registration_timeout())
        .with_operation_timeout(flags.operation_timeout)
        .with_wait_for_network(flags.wait_for_network)
        .with_recovery(Recovery::lost_connections(flags.recover))
}

/// The name of the input.
const EXTRA_CA: &str = "extra CA certificates";

/// JSON itself, or the contents of the file of `@FILE`.
fn payload(source: &PayloadSource) -> Result<Payload, InvalidInput> {
    match source {
        PayloadSource::Text(json) => Payload::from_json(json).map_err(|error| error.with_given(json)),
        PayloadSource::File(file) => {
            Payload::from_bytes(file.read("payload")?.expose()).map_err(|error| error.found_in(file))
        }
    }
}

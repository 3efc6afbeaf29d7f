//! What the words say that is the same whichever service it is: read and checked before anything starts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use provisioning_device::{
    Builder, CertificateSigningRequest, Credential, InvalidInput, MqttOptions, Payload, Policy,
    ProvisioningDeviceClient, Recovery, SymmetricKey, TlsVersion, Transport,
};

use crate::{
    args::{Limits, Network, Registration, TlsMin},
    credential::key_file,
    given::unreadable,
};

/// The options of a registration.
pub(crate) struct Options<'a> {
    args: &'a Registration,
    mqtt_options: MqttOptions,
    payload: Option<Payload>,
    extra_ca: Option<Vec<u8>>,
    csr: Option<CertificateSigningRequest>,
    csr_file: Option<PathBuf>,
    force: bool,
}

impl<'a> Options<'a> {
    /// Reads what files hold.
    pub(crate) fn read(args: &'a Registration) -> Result<Self, InvalidInput> {
        Ok(Self {
            args,
            mqtt_options: mqtt_options(args)?,
            payload: args.service.payload.as_deref().map(payload).transpose()?,
            extra_ca: args.network.extra_ca.as_deref().map(extra_ca).transpose()?,
            csr: None,
            csr_file: None,
            force: false,
        })
    }

    /// Asks for a certificate too; the request may be in a file.
    pub(crate) fn with_csr(mut self, csr: Option<CertificateSigningRequest>, file: Option<PathBuf>) -> Self {
        (self.csr, self.csr_file) = (csr, file);
        self
    }

    /// Asks the service whatever is kept.
    pub(crate) fn with_force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Checks all that a client checks, with a stand-in for the service and the credential.
    pub(crate) fn check(&self, registration_id: &str) -> Result<(), InvalidInput> {
        let stand_in = SymmetricKey::from_base64("AA==")?;
        self.builder("stand-in", stand_in)
            .with_registration_id(registration_id)
            .build()
            .map_err(|error| self.in_its_file(error))
            .map(drop)
    }

    /// Names the file of what was found to be wrong when everything came together.
    pub(crate) fn in_its_file(&self, error: InvalidInput) -> InvalidInput {
        let Registration { identity, network, .. } = self.args;
        let file = match error.input() {
            "CA certificates" => network.ca.clone(),
            "extra CA certificates" => network.extra_ca.clone(),
            "private key" => key_file(identity),
            "certificate signing request" => self.csr_file.clone(),
            _ => None,
        };
        match file {
            Some(file) => error.found_in(file.display()),
            None => error,
        }
    }

    /// The beginning of a client.
    pub(crate) fn builder(&self, id_scope: &str, credential: impl Into<Credential>) -> Builder {
        let Registration {
            service,
            identity,
            network,
            limits,
        } = self.args;
        let mut builder = ProvisioningDeviceClient::builder(id_scope, credential, transport(network))
            .with_force_registration(self.force)
            .with_mqtt_options(self.mqtt_options.clone())
            .with_policy(policy(limits));
        if let Some(limit) = network.fallback_after {
            builder = builder.with_fallback_after(limit);
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
            builder = builder.with_extra_ca_pem(pem.as_slice());
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
        if let Some(version) = &service.api_version {
            builder = builder.with_api_version(version);
        }
        builder
    }
}

fn transport(network: &Network) -> Transport {
    if network.websocket {
        Transport::MqttWs
    } else if network.fallback {
        Transport::MqttWithWebSocketFallback
    } else {
        Transport::Mqtt
    }
}

fn mqtt_options(args: &Registration) -> Result<MqttOptions, InvalidInput> {
    let mut options = MqttOptions::default();
    if let Some(keep_alive) = args.network.keep_alive {
        options = options.with_keep_alive(keep_alive)?;
    }
    if let Some(suffix) = &args.network.user_agent_suffix {
        options = options.with_user_agent_suffix(suffix)?;
    }
    Ok(options)
}

fn policy(limits: &Limits) -> Policy {
    Policy::default()
        .with_registration_timeout(limits.timeout)
        .with_operation_timeout(limits.operation_timeout)
        .with_recovery(Recovery::lost_connections(limits.recover))
}

fn extra_ca(file: &Path) -> Result<Vec<u8>, InvalidInput> {
    fs::read(file).map_err(|error| unreadable("extra CA certificates", file, &error))
}

/// JSON as it stands, or from `@FILE`.
fn payload(payload: &str) -> Result<Payload, InvalidInput> {
    let (text, place) = match payload.strip_prefix('@') {
        Some(file) => {
            let file = PathBuf::from(file);
            let text = fs::read_to_string(&file).map_err(|error| unreadable("payload", &file, &error))?;
            (text, Some(file))
        }
        None => (payload.to_owned(), None),
    };
    Payload::from_json(text.as_str()).map_err(|error| match place {
        Some(file) => error.found_in(file.display()),
        None => error.with_given(&text),
    })
}

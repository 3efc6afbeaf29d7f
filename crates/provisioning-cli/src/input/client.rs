//! The client for the service that flags and environment variables name.

use std::time::SystemTime;

use provisioning_device::{Builder, Endpoint, Host, InvalidInput, ProvisioningDeviceClient, read_input_file};

use super::{
    credential::credential,
    credential_check,
    environment::{required, variable},
    flags::{Registration, Service},
    options::Options,
};
use crate::output::failure::Failure;

/// A client whose inputs were checked.
pub(crate) struct CheckedClient {
    pub(crate) client: ProvisioningDeviceClient,
    /// Likely problems of the credential.
    pub(crate) warnings: Vec<String>,
}

impl CheckedClient {
    /// Checks everything that can be checked without a connection.
    pub(crate) fn new(flags: &Registration, options: &Options<'_>) -> Result<Self, Failure> {
        let id_scope = required(flags.service.id_scope.clone(), "--id-scope", "PROVISIONING_IDSCOPE");
        let id_scope = id_scope.map_err(|failure| match cfg!(feature = "local") {
            true => failure.with_hint("see --help after the command; `dps register --local` needs no other flag"),
            false => failure,
        })?;
        let registration_id = registration_id(&flags.service);
        let credential = credential(&flags.identity, registration_id.as_deref())?;
        let loaded = credential.load_if_ready()?;
        let warnings = credential_check::warnings(&loaded, registration_id.as_deref(), SystemTime::now());
        let mut builder = with_service(options.builder(&id_scope, credential), flags)?;
        if let Some(id) = registration_id {
            builder = builder.with_registration_id(id);
        }
        Ok(Self {
            client: options.build(builder)?,
            warnings,
        })
    }
}

/// Adds the service's address and the trusted CAs.
pub(crate) fn with_service(builder: Builder, flags: &Registration) -> Result<Builder, InvalidInput> {
    let builder = builder.with_endpoint(endpoint(flags)?);
    Ok(match &flags.network.ca {
        Some(file) => builder.with_ca_pem(read_input_file("CA certificates", file)?),
        None => builder,
    })
}

/// The registration id that a flag or the environment names.
pub(crate) fn registration_id(flags: &Service) -> Option<String> {
    let flag = flags.registration_id.clone();
    flag.or_else(|| variable("PROVISIONING_REGISTRATION_ID"))
}

/// The service's address.
pub(crate) fn endpoint(flags: &Registration) -> Result<Endpoint, InvalidInput> {
    let host = flags.service.host.clone().or_else(|| variable("PROVISIONING_HOST"));
    let mut endpoint = match host {
        Some(host) => host.parse()?,
        None => Endpoint::default(),
    };
    if let Some(port) = flags.network.websocket_port {
        endpoint = endpoint.with_websocket_port(port)?;
    }
    if let Some(name) = &flags.service.server_name {
        let invalid = |_| InvalidInput::new("server name", "a DNS name or an IP address").with_given(name);
        endpoint = endpoint.with_server_name(Host::new(name).map_err(invalid)?);
    }
    Ok(endpoint)
}

//! From words and environment to a client: flags win, and everything is checked before any connection.

use std::{fs, time::SystemTime};

use provisioning_device::{Builder, Endpoint, Host, InvalidInput, ProvisioningDeviceClient};

use crate::{
    advice,
    args::{Registration, Service},
    credential::credential,
    failure::Failure,
    given::{required, unreadable, variable},
    local::LocalService,
    options::Options,
};

/// The client that the words ask for, and what its user should be warned of.
pub(crate) struct Inputs {
    pub(crate) client: ProvisioningDeviceClient,
    pub(crate) warnings: Vec<String>,
}

impl Inputs {
    /// For the service that flags and environment name.
    pub(crate) fn of_service(args: &Registration, options: &Options<'_>) -> Result<Self, Failure> {
        let id_scope = required(args.service.id_scope.clone(), "--id-scope", "PROVISIONING_IDSCOPE")?;
        let registration_id = registration_id(&args.service);
        let credential = credential(&args.identity, registration_id.as_deref())?;
        let warnings = advice::on_credential(
            &credential.load_if_ready()?,
            registration_id.as_deref(),
            SystemTime::now(),
        );
        let mut builder = on_the_way(options.builder(&id_scope, credential), args)?;
        if let Some(id) = registration_id {
            builder = builder.with_registration_id(id);
        }
        let client = builder.build().map_err(|error| options.in_its_file(error))?;
        Ok(Self { client, warnings })
    }

    /// For the local service, as the device that it made.
    pub(crate) fn of_local_service(
        args: &Registration,
        options: &Options<'_>,
        local: &LocalService,
    ) -> Result<Self, InvalidInput> {
        let builder = options
            .builder(local.id_scope(), local.credential()?)
            .with_host(local.host(args.network.websocket))
            .with_websocket_port(local.websocket_port())
            .with_ca_pem(local.ca_pem());
        Ok(Self {
            client: builder.build()?,
            warnings: vec![],
        })
    }
}

/// Adds where the service is, and whom to trust.
pub(crate) fn on_the_way(builder: Builder, args: &Registration) -> Result<Builder, InvalidInput> {
    let mut builder = builder.with_endpoint(endpoint(args)?);
    if let Some(file) = &args.network.ca {
        let pem = fs::read(file).map_err(|error| unreadable("CA certificates", file, &error))?;
        builder = builder.with_ca_pem(pem);
    }
    Ok(builder)
}

pub(crate) fn registration_id(args: &Service) -> Option<String> {
    args.registration_id
        .clone()
        .or_else(|| variable("PROVISIONING_REGISTRATION_ID"))
}

pub(crate) fn endpoint(args: &Registration) -> Result<Endpoint, InvalidInput> {
    let mut endpoint = match args.service.host.clone().or_else(|| variable("PROVISIONING_HOST")) {
        Some(host) => host.parse()?,
        None => Endpoint::default(),
    };
    if let Some(port) = args.network.websocket_port {
        endpoint = endpoint.with_websocket_port(port)?;
    }
    if let Some(name) = &args.service.server_name {
        let invalid = |_| InvalidInput::new("server name", "a DNS name or an IP address").with_given(name);
        endpoint = endpoint.with_server_name(Host::new(name).map_err(invalid)?);
    }
    Ok(endpoint)
}

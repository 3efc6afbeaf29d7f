//! The client for the service that flags and environment variables name.

use std::time::SystemTime;

use provisioning_device::{Builder, Endpoint, ErrorKind, Host, InvalidInput, ProvisioningDeviceClient, TrustedRoots};

use super::{
    credential::credential,
    credential_check,
    environment::{missing, variable},
    flags::{Registration, Service},
    options::Options,
};
use crate::output::failure::Failure;

/// A client whose inputs were checked.
pub(crate) struct CheckedClient {
    pub(crate) client: ProvisioningDeviceClient,
    /// Likely problems of the credential.
    pub(crate) warnings: Vec<String>,
    /// Warnings about the variables that name the proxy.
    pub(crate) proxy_warnings: Vec<String>,
}

impl CheckedClient {
    /// Checks everything that can be checked without a connection.
    pub(crate) fn new(flags: &Registration, options: &Options<'_>) -> Result<Self, Failure> {
        let id_scope = id_scope(&flags.service)?.ok_or_else(|| {
            let failure = missing("--id-scope", ID_SCOPE_VARIABLE);
            match cfg!(feature = "local") {
                true => failure.with_hint("run the command with --help; `dps register --local` needs no other flag"),
                false => failure,
            }
        })?;
        let registration_id = registration_id(&flags.service)?;
        let credential = credential(&flags.identity, registration_id.as_deref())?;
        let loaded = credential.load_if_ready()?;
        let warnings = credential_check::warnings(&loaded, registration_id.as_deref(), SystemTime::now());
        if flags.limits.registration_timeout().is_zero() {
            let message = format!(
                "reading the key and the other inputs took longer than {} s, the limit of the whole registration",
                flags.limits.timeout.as_secs_f64()
            );
            return Err(Failure::new(ErrorKind::Timeout, message).with_hint(SLOW_INPUT_HINT));
        }
        let mut builder = with_service(options.builder(&id_scope, credential), flags)?;
        if let Some(id) = registration_id {
            builder = builder.with_registration_id(id);
        }
        Ok(Self {
            proxy_warnings: proxy_warnings(&builder)?,
            client: options.build(builder)?,
            warnings,
        })
    }
}

/// Warnings about the variables that name the proxy, if `--proxy-from-environment` is given.
pub(crate) fn proxy_warnings(builder: &Builder) -> Result<Vec<String>, InvalidInput> {
    Ok(builder.proxy()?.warnings().map(str::to_owned).collect())
}

/// Adds the service's address and the trusted CAs.
pub(crate) fn with_service(builder: Builder, flags: &Registration) -> Result<Builder, InvalidInput> {
    let builder = builder.with_endpoint(endpoint(flags)?);
    Ok(match &flags.network.ca {
        Some(file) => builder.with_roots(TrustedRoots::from_file(file.clone())?),
        None => builder,
    })
}

const SLOW_INPUT_HINT: &str = "allow more time (`--timeout`); an encrypted key takes long if its key derivation has many \
                               iterations: `openssl pkcs8 -topk8 -v2 aes256 -in FILE -out NEW` writes it with few";

const ID_SCOPE_VARIABLE: &str = "PROVISIONING_IDSCOPE";

/// The id scope that a flag or the environment names.
pub(crate) fn id_scope(flags: &Service) -> Result<Option<String>, InvalidInput> {
    flag_or_variable(flags.id_scope.as_ref(), ID_SCOPE_VARIABLE)
}

/// The registration id that a flag or the environment names.
pub(crate) fn registration_id(flags: &Service) -> Result<Option<String>, InvalidInput> {
    flag_or_variable(flags.registration_id.as_ref(), "PROVISIONING_REGISTRATION_ID")
}

fn flag_or_variable(flag: Option<&String>, name: &'static str) -> Result<Option<String>, InvalidInput> {
    match flag {
        Some(flag) => Ok(Some(flag.clone())),
        None => variable(name),
    }
}

/// The service's address.
pub(crate) fn endpoint(flags: &Registration) -> Result<Endpoint, InvalidInput> {
    let mut endpoint = match flag_or_variable(flags.service.host.as_ref(), "PROVISIONING_HOST")? {
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

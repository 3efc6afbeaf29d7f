//! From words and environment to a client: flags win, and everything is checked before any connection.

use std::{fs, time::SystemTime};

use provisioning_device::{Credential, Endpoint, Host, InvalidInput, ProvisioningDeviceClient, X509Credential};

use crate::{
    args::{Register, Service},
    credential::credential,
    given::{required, unreadable, variable},
    local::LocalService,
    options::Options,
    outcome::Failure,
};

/// The client that the words ask for, and what its user should be warned of.
pub(crate) struct Inputs {
    pub(crate) client: ProvisioningDeviceClient,
    pub(crate) warnings: Vec<String>,
}

impl Inputs {
    /// For the service that flags and environment name.
    pub(crate) fn of_service(args: &Register, options: &Options<'_>) -> Result<Self, Failure> {
        let id_scope = required(args.service.id_scope.clone(), "--id-scope", "PROVISIONING_IDSCOPE")?;
        let registration_id = registration_id(&args.service);
        let credential = credential(&args.identity, registration_id.as_deref())?;
        let warnings = warnings(&credential, registration_id.as_deref());
        let mut builder = options
            .builder(id_scope, credential)
            .with_endpoint(endpoint(&args.service)?);
        if let Some(id) = registration_id {
            builder = builder.with_registration_id(id);
        }
        let ca_file = args.network.ca.as_ref();
        if let Some(file) = ca_file {
            let pem = fs::read(file).map_err(|error| unreadable("CA certificates", file, &error))?;
            builder = builder.with_ca_pem(pem);
        }
        let client = builder.build().map_err(|error| match (error.input(), ca_file) {
            ("CA certificates", Some(file)) => error.found_in(file.display()),
            _ => error,
        })?;
        Ok(Self { client, warnings })
    }

    /// For the local service, as the device that it made.
    pub(crate) fn of_local_service(
        args: &Register,
        options: &Options<'_>,
        local: &LocalService,
    ) -> Result<Self, InvalidInput> {
        let builder = options
            .builder(local.id_scope(), local.credential()?)
            .with_host(&local.host(args.network.websocket))
            .with_ca_pem(local.ca_pem());
        Ok(Self {
            client: builder.build()?,
            warnings: vec![],
        })
    }
}

fn registration_id(args: &Service) -> Option<String> {
    args.registration_id
        .clone()
        .or_else(|| variable("PROVISIONING_REGISTRATION_ID"))
}

fn endpoint(args: &Service) -> Result<Endpoint, InvalidInput> {
    let endpoint = match args.host.clone().or_else(|| variable("PROVISIONING_HOST")) {
        Some(host) => host.parse()?,
        None => Endpoint::default(),
    };
    Ok(match &args.server_name {
        Some(name) => {
            let invalid = |_| InvalidInput::new("server name", "a DNS name or an IP address").with_given(name);
            endpoint.with_server_name(Host::new(name).map_err(invalid)?)
        }
        None => endpoint,
    })
}

/// What may be wrong with the certificate; the service decides.
fn warnings(credential: &Credential, registration_id: Option<&str>) -> Vec<String> {
    let Ok(Credential::X509(x509)) = credential.load() else {
        return vec![];
    };
    let name = x509.common_name();
    let other_name = registration_id
        .filter(|id| !name.is_some_and(|name| name.eq_ignore_ascii_case(id)))
        .map(|id| {
            format!(
                "the certificate's common name is {}, not the registration id {id}",
                name.unwrap_or("missing")
            )
        });
    date_warning(&x509, SystemTime::now())
        .into_iter()
        .chain(other_name)
        .collect()
}

fn date_warning(x509: &X509Credential, now: SystemTime) -> Option<String> {
    let date = humantime::format_rfc3339_seconds;
    if now > x509.not_after() {
        Some(format!("the device certificate expired on {}", date(x509.not_after())))
    } else if now < x509.not_before() {
        Some(format!(
            "the device certificate is not valid before {}",
            date(x509.not_before())
        ))
    } else {
        None
    }
}

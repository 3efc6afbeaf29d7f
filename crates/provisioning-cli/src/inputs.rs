//! From words and environment to a client: flags win, and everything is checked before any connection.

use std::{fs, path::PathBuf, time::SystemTime};

use provisioning_device::{
    Builder, Credential, InvalidInput, Policy, ProvisioningDeviceClient, Recovery, Transport, X509Credential,
};
use serde_json::Value;

use crate::{
    args::Register,
    credential::credential,
    given::{required, unreadable, variable},
    local::LocalService,
    outcome::Failure,
};

/// The client that the words ask for, and what its user should be warned of.
pub(crate) struct Inputs {
    pub(crate) client: ProvisioningDeviceClient,
    pub(crate) warnings: Vec<String>,
}

impl Inputs {
    /// For the service that flags and environment name.
    pub(crate) fn of_service(args: &Register) -> Result<Self, Failure> {
        let id_scope = required(args.id_scope.clone(), "--id-scope", "PROVISIONING_IDSCOPE")?;
        let registration_id = args
            .registration_id
            .clone()
            .or_else(|| variable("PROVISIONING_REGISTRATION_ID"));
        let credential = credential(args, registration_id.as_deref())?;
        let warnings = warnings(&credential, registration_id.as_deref());
        let mut builder = ProvisioningDeviceClient::builder(id_scope, credential, transport(args));
        if let Some(host) = args.host.clone().or_else(|| variable("PROVISIONING_HOST")) {
            builder = builder.with_host(&host);
        }
        if let Some(id) = registration_id {
            builder = builder.with_registration_id(id);
        }
        let ca_file = args.ca.as_ref();
        if let Some(file) = ca_file {
            let pem = fs::read(file).map_err(|error| unreadable("CA certificates", file, &error))?;
            builder = builder.with_ca_pem(pem);
        }
        let client = options(builder, args)?
            .build()
            .map_err(|error| match (error.input(), ca_file) {
                ("CA certificates", Some(file)) => error.found_in(file.display()),
                _ => error,
            })?;
        Ok(Self { client, warnings })
    }

    /// For the local service, as the device that it made.
    pub(crate) fn of_local_service(args: &Register, local: &LocalService) -> Result<Self, Failure> {
        let builder = ProvisioningDeviceClient::builder(local.id_scope(), local.credential()?, transport(args))
            .with_host(&local.host(args.websocket))
            .with_ca_pem(local.ca_pem());
        Ok(Self {
            client: options(builder, args)?.build()?,
            warnings: vec![],
        })
    }
}

fn transport(args: &Register) -> Transport {
    if args.websocket {
        Transport::MqttWs
    } else {
        Transport::Mqtt
    }
}

/// What is the same whichever service it is.
fn options(mut builder: Builder, args: &Register) -> Result<Builder, InvalidInput> {
    let policy = Policy::default()
        .with_registration_limit(args.timeout)
        .with_recovery(Recovery::lost_connections(args.recover));
    builder = builder.with_policy(policy);
    if let Some(proxy) = &args.proxy {
        builder = builder.with_proxy(proxy);
    } else if args.proxy_from_environment {
        builder = builder.with_proxy_from_environment();
    }
    if let Some(payload) = &args.payload {
        builder = builder.with_payload(json(payload)?);
    }
    if let Some(version) = &args.api_version {
        builder = builder.with_api_version(version);
    }
    Ok(builder)
}

/// JSON as it stands, or from `@FILE`.
fn json(payload: &str) -> Result<Value, InvalidInput> {
    let (text, place) = match payload.strip_prefix('@') {
        Some(file) => {
            let file = PathBuf::from(file);
            let text = fs::read_to_string(&file).map_err(|error| unreadable("payload", &file, &error))?;
            (text, Some(file))
        }
        None => (payload.to_owned(), None),
    };
    serde_json::from_str(&text).map_err(|error| {
        let invalid = InvalidInput::new("payload", format!("JSON ({error})"));
        match place {
            Some(file) => invalid.found_in(file.display()),
            None => invalid.with_given(&text),
        }
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

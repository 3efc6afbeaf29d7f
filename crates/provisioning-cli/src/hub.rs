//! `dps hub`: from a kept assignment to what an MQTT client connects to its hub with.

use std::time::{Duration, SystemTime};

use provisioning_device::{CredentialError, HubAuth, HubConnection, Secret};
use serde_json::{Map, Value};

use crate::{advice::date, args::Hub, credential::credential, failure::Failure, outcome::Answer, store};

/// How long a token is valid unless given.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// What an MQTT client is given, each value under its name.
pub(crate) struct Values(Vec<(&'static str, Value)>);

/// Runs the command.
pub(crate) fn run(args: &Hub) -> Result<Values, Failure> {
    let stored = store::read(&args.store)?;
    let assignment = stored.assignment();
    let registration_id = assignment.state().registration_id().unwrap_or(assignment.device_id());
    let credential = credential(&args.identity, Some(registration_id))?;
    let expires_at = SystemTime::now() + args.identity.sas_lifetime.unwrap_or(TOKEN_LIFETIME);
    let connection = HubConnection::new_blocking(assignment, &credential, expires_at).map_err(|error| match error {
        CredentialError::Invalid(error) => error.into(),
        error => Failure::local(&error),
    })?;
    let mut values: Vec<(&'static str, Value)> = vec![
        ("host", connection.host().into()),
        ("port", HubConnection::PORT.into()),
        ("websocketPort", HubConnection::WEBSOCKET_PORT.into()),
        ("websocketPath", connection.websocket_path().into()),
        ("clientId", connection.client_id().into()),
        ("userName", connection.user_name().into()),
    ];
    match connection.auth() {
        HubAuth::Sas(token) => values.extend([
            ("password", shown(token.text())),
            ("passwordExpires", date(token.expires_at()).into()),
        ]),
        _ => values.push(("password", Value::Null)),
    }
    values.extend(
        connection
            .connection_string()
            .map(|text| ("connectionString", shown(text))),
    );
    Ok(Values(values))
}

/// A secret, which is what was asked for.
fn shown(secret: &Secret) -> Value {
    secret.expose_str().into()
}

impl Answer for Values {
    fn json(&self) -> Value {
        let members = self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(members.collect::<Map<_, _>>())
    }

    fn text(&self) -> String {
        let row = |(name, value): &(&'static str, Value)| match value {
            Value::Null => format!("{name:<17} none: the certificate is presented in the TLS handshake"),
            Value::String(text) => format!("{name:<17} {text}"),
            other => format!("{name:<17} {other}"),
        };
        self.0.iter().map(row).collect::<Vec<_>>().join("\n")
    }
}

//! `dps connection`: the settings with which an MQTT client connects to the assigned hub.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use provisioning_device::{CredentialError, HubAuth, HubConnection, Secret, TransportError};
use serde::Serialize;

use crate::{
    input::{credential::credential, flags::Identity, stored_assignment},
    output::{dates::date, failure::Failure, outcome::Answer},
};

/// How long a token is valid unless given.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The file in which `dps register --store` stored the assignment
    #[arg(long, value_name = "FILE")]
    store: PathBuf,

    #[command(flatten)]
    identity: Identity,
}

/// The settings, which include secrets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    host: String,
    port: u16,
    websocket_port: u16,
    websocket_path: String,
    client_id: String,
    user_name: String,
    /// `None` with a certificate. Serialized then too, as null.
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_string: Option<String>,
}

/// Makes the settings from the stored assignment and the device's credential.
pub(crate) fn run(flags: &Connection) -> Result<Settings, Failure> {
    let stored = stored_assignment::read(&flags.store)?;
    let assignment = stored.assignment();
    let registration_id = assignment.state().registration_id().unwrap_or(assignment.device_id());
    let credential = credential(&flags.identity, Some(registration_id))?;
    let expires_at = SystemTime::now() + flags.identity.sas_lifetime.unwrap_or(TOKEN_LIFETIME);
    let connection = HubConnection::new_blocking(assignment, &credential, expires_at).map_err(|error| match error {
        CredentialError::Invalid(error) => error.into(),
        error => Failure::from(&TransportError::from(error)),
    })?;
    let token = match connection.auth() {
        HubAuth::Sas(token) => Some(token),
        _ => None,
    };
    Ok(Settings {
        host: connection.host().to_owned(),
        port: HubConnection::PORT,
        websocket_port: HubConnection::WEBSOCKET_PORT,
        websocket_path: connection.websocket_path().to_owned(),
        client_id: connection.client_id().to_owned(),
        user_name: connection.user_name().to_owned(),
        password: token.and_then(|token| exposed(token.text())),
        password_expires: token.map(|token| date(token.expires_at())),
        connection_string: connection.connection_string().and_then(exposed),
    })
}

/// A secret, to be printed.
fn exposed(secret: &Secret) -> Option<String> {
    secret.expose_str().map(str::to_owned)
}

impl Answer for Settings {
    fn lines(&self) -> Vec<String> {
        let (port, websocket_port) = (self.port.to_string(), self.websocket_port.to_string());
        let password = self.password.as_deref();
        let rows = [
            ("host", Some(self.host.as_str())),
            ("port", Some(&port)),
            ("websocketPort", Some(&websocket_port)),
            ("websocketPath", Some(&self.websocket_path)),
            ("clientId", Some(&self.client_id)),
            ("userName", Some(&self.user_name)),
            (
                "password",
                Some(password.unwrap_or("none: the certificate is presented in the TLS handshake")),
            ),
            ("passwordExpires", self.password_expires.as_deref()),
            ("connectionString", self.connection_string.as_deref()),
        ];
        let rows = rows
            .iter()
            .filter_map(|(name, value)| Some(format!("{name:<17} {}", (*value)?)));
        rows.collect()
    }
}

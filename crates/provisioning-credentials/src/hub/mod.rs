//! The settings with which an MQTT client connects to the assigned hub.

use std::time::SystemTime;

use percent_encoding::utf8_percent_encode;
use provisioning_types::{Assignment, ConnectionProfile, CredentialError, InvalidInput, Secret, WEBSOCKET_PATH};

use crate::{
    credential::Credential,
    sas::{ESCAPED, SasToken, UnsignedToken},
    symmetric_key::SymmetricKey,
    x509::credential::X509Credential,
};

/// The api-version of the hub in the user name.
const HUB_API_VERSION: &str = "2021-04-12";

/// The settings with which an MQTT 3.1.1 client connects to the assigned IoT hub as the device.
#[derive(Debug, Clone)]
pub struct HubConnection {
    host: String,
    client_id: String,
    user_name: String,
    auth: HubAuth,
    connection_string: Option<Secret>,
}

/// How the device authenticates to the hub.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HubAuth {
    /// A token: the MQTT password.
    Sas(SasToken),
    /// A certificate, presented in the TLS handshake. There is no password.
    X509(X509Credential),
}

impl HubConnection {
    /// The port for MQTT over TLS.
    pub const PORT: u16 = 8883;

    /// The port for MQTT over a WebSocket over TLS, whose path is [`WEBSOCKET_PATH`].
    pub const WEBSOCKET_PORT: u16 = 443;

    /// Makes the settings for the hub of `assignment` from the credential that the device registered with. With a
    /// symmetric key they contain a token that is valid until `expires_at`; make new settings before that. A
    /// [source](Credential::Source) or a signer may block.
    ///
    /// # Errors
    /// [`CredentialError`]: `Unavailable` when the credential is not loaded or its key does not sign now, `Invalid`
    /// when it cannot be used, or is a SAS token that another program made, which is for the registration only.
    /// `Invalid` naming `connection profile` when the hub expects another protocol than MQTT 3.1.1: a
    /// [profile](ConnectionProfile) other than classic.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; nothing is kept.
    pub async fn new(
        assignment: &Assignment,
        credential: &Credential,
        expires_at: SystemTime,
    ) -> Result<Self, CredentialError> {
        let device = HubDevice::of(assignment)?;
        match credential.load().await? {
            Credential::X509(x509) => Ok(device.with_x509(x509)),
            Credential::SymmetricKey(signer) => {
                let token = device.unsigned_token(expires_at).sign(signer.as_ref()).await?;
                Ok(device.with_token(token, signer.known_key()))
            }
            _ => {
                let expected = "a certificate or a symmetric key: a ready-made token is for the registration only";
                Err(InvalidInput::new("credential", expected).into())
            }
        }
    }

    /// Makes the settings as [`new`](Self::new) does, and blocks this thread until the credential is loaded and its key
    /// has signed. Call it outside of async code: a source or a signer that needs the runtime of this thread would wait
    /// forever.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn new_blocking(
        assignment: &Assignment,
        credential: &Credential,
        expires_at: SystemTime,
    ) -> Result<Self, CredentialError> {
        pollster::block_on(Self::new(assignment, credential, expires_at))
    }

    /// Makes the settings with a certificate, without waiting.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `connection profile`, as [`new`](Self::new).
    pub fn from_x509(assignment: &Assignment, x509: X509Credential) -> Result<Self, InvalidInput> {
        Ok(HubDevice::of(assignment)?.with_x509(x509))
    }

    /// Makes the settings with a symmetric key in memory, without waiting. They contain a token that is valid until
    /// `expires_at`; make new settings before that.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `connection profile`, as [`new`](Self::new).
    pub fn from_symmetric_key(
        assignment: &Assignment,
        key: &SymmetricKey,
        expires_at: SystemTime,
    ) -> Result<Self, InvalidInput> {
        let device = HubDevice::of(assignment)?;
        let token = device.unsigned_token(expires_at).sign_with_key(key);
        Ok(device.with_token(token, Some(key.to_base64())))
    }

    /// The hub's host name. Connect to the hub by this name: TLS must send it (SNI).
    ///
    /// `<hub>.azure-devices.net` speaks TLS 1.2, `<hub>.device.azure-devices.net` also TLS 1.3.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path of the WebSocket, on [`WEBSOCKET_PORT`](Self::WEBSOCKET_PORT).
    pub fn websocket_path(&self) -> &'static str {
        WEBSOCKET_PATH
    }

    /// The MQTT client id: the device id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The MQTT user name.
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// The password, or the certificate.
    pub fn auth(&self) -> &HubAuth {
        &self.auth
    }

    /// The connection string for the device SDKs of the hub. It contains the symmetric key; `None` when that is
    /// external.
    pub fn connection_string(&self) -> Option<&Secret> {
        self.connection_string.as_ref()
    }
}

/// A device at a hub that an MQTT 3.1.1 client can connect to.
struct HubDevice<'a> {
    hub: &'a str,
    device_id: &'a str,
}

impl<'a> HubDevice<'a> {
    fn of(assignment: &'a Assignment) -> Result<Self, InvalidInput> {
        match assignment.state().connection_profile() {
            ConnectionProfile::Classic => Ok(Self {
                hub: assignment.assigned_hub(),
                device_id: assignment.device_id(),
            }),
            other => {
                let expected = "classic, since these settings are for MQTT 3.1.1; connect with a client for this \
                                profile, or have the device assigned to a hub with the profile classic";
                Err(InvalidInput::new("connection profile", expected).with_given(other.as_str()))
            }
        }
    }

    fn unsigned_token(&self, expires_at: SystemTime) -> UnsignedToken {
        let Self { hub, device_id } = self;
        UnsignedToken::new(&format!("{hub}/devices/{device_id}"), None, expires_at)
    }

    fn with_x509(self, x509: X509Credential) -> HubConnection {
        self.with_auth(HubAuth::X509(x509), Some(b"x509=true"))
    }

    /// `key` is in base64, if it is known.
    fn with_token(self, token: SasToken, key: Option<Secret>) -> HubConnection {
        let key = key.map(|key| Secret::new([b"SharedAccessKey=", key.expose()].concat()));
        self.with_auth(HubAuth::Sas(token), key.as_ref().map(Secret::expose))
    }

    /// `proof` is the end of the connection string, if there is one.
    fn with_auth(self, auth: HubAuth, proof: Option<&[u8]>) -> HubConnection {
        let Self { hub, device_id } = self;
        let beginning = format!("HostName={hub};DeviceId={device_id};");
        let escaped_id = utf8_percent_encode(device_id, ESCAPED);
        HubConnection {
            host: hub.to_owned(),
            client_id: device_id.to_owned(),
            user_name: format!("{hub}/{escaped_id}/?api-version={HUB_API_VERSION}"),
            auth,
            connection_string: proof.map(|proof| Secret::new([beginning.as_bytes(), proof].concat())),
        }
    }
}

#[cfg(test)]
mod tests;

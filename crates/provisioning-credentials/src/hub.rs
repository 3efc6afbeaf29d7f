//! What an MQTT client needs to connect to the assigned hub.

use std::{error::Error, time::SystemTime};

use percent_encoding::utf8_percent_encode;
use provisioning_types::{Assignment, InvalidInput, Secret, WEBSOCKET_PATH};

use crate::{
    credential::Credential,
    sas::{ESCAPED, SasToken},
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

/// What the device authenticates to the hub with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HubAuth {
    /// A token: the MQTT password.
    Sas(SasToken),
    /// A certificate, presented in the TLS handshake. There is no password.
    X509(X509Credential),
}

/// Why there are no settings for the hub.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubConnectionError {
    /// The credential cannot be loaded, or is a SAS token that another program made, which is for the registration
    /// only. Use a certificate or a symmetric key.
    #[error(transparent)]
    Credential(#[from] InvalidInput),
    /// The external key did not sign: the HSM or key service is not available.
    #[error("the device's key did not sign")]
    Signer(#[source] Box<dyn Error + Send + Sync>),
}

impl HubConnection {
    /// The port for MQTT over TLS.
    pub const PORT: u16 = 8883;

    /// The port for MQTT over a WebSocket over TLS, whose path is [`WEBSOCKET_PATH`].
    pub const WEBSOCKET_PORT: u16 = 443;

    /// Makes the settings for the hub of `assignment` from the credential that the device registered with. With a
    /// symmetric key they contain a token that is valid until `expires_at`; make new settings before that. Loading a
    /// [source](Credential::Source) may block.
    ///
    /// # Errors
    /// [`HubConnectionError`]: the credential is not for a hub, cannot be loaded, or did not sign.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; nothing is kept.
    pub async fn new(
        assignment: &Assignment,
        credential: &Credential,
        expires_at: SystemTime,
    ) -> Result<Self, HubConnectionError> {
        let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
        let (auth, secret) = match credential.load()? {
            Credential::X509(x509) => (HubAuth::X509(x509), Some(Secret::new(b"x509=true".to_vec()))),
            Credential::SymmetricKey(signer) => {
                let resource = format!("{hub}/devices/{device_id}");
                let token = SasToken::over(&resource, None, signer.as_ref(), expires_at).await;
                let secret = signer
                    .known_key()
                    .map(|key| Secret::new([b"SharedAccessKey=", key.expose()].concat()));
                (HubAuth::Sas(token.map_err(HubConnectionError::Signer)?), secret)
            }
            _ => {
                let expected = "a certificate or a symmetric key: a ready-made token is for the registration only";
                return Err(InvalidInput::new("credential", expected).into());
            }
        };
        let beginning = format!("HostName={hub};DeviceId={device_id};");
        let with_secret = |secret: Secret| Secret::new([beginning.as_bytes(), secret.expose()].concat());
        Ok(Self {
            host: hub.to_owned(),
            client_id: device_id.to_owned(),
            user_name: format!(
                "{hub}/{}/?api-version={HUB_API_VERSION}",
                utf8_percent_encode(device_id, ESCAPED)
            ),
            connection_string: secret.map(with_secret),
            auth,
        })
    }

    /// The hub's host name.
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

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use async_trait::async_trait;
    use provisioning_types::RegistrationState;
    use serde_json::json;

    use super::*;
    use crate::{
        symmetric_key::{SymmetricKey, SymmetricSigner},
        testing::ready,
    };

    fn connection(credential: &Credential) -> Result<HubConnection, HubConnectionError> {
        let state = json!({"assignedHub": "hub.example", "deviceId": "a:1"});
        let state = RegistrationState::new(state.as_object().expect("an object").clone());
        let assignment = Assignment::from_state(state, None).expect("complete");
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        ready(HubConnection::new(&assignment, credential, expires_at))
    }

    fn text(secret: &Secret) -> &str {
        std::str::from_utf8(secret.expose()).expect("text")
    }

    #[test]
    fn a_symmetric_key_makes_a_token_for_the_hub_and_a_connection_string() {
        let key = SymmetricKey::from_base64("c2VjcmV0").expect("a key");
        let connection = connection(&key.into()).expect("settings");
        assert_eq!(connection.host(), "hub.example");
        assert_eq!(connection.client_id(), "a:1");
        assert_eq!(connection.user_name(), "hub.example/a%3A1/?api-version=2021-04-12");
        let HubAuth::Sas(token) = connection.auth() else {
            panic!("a token")
        };
        // Computed with `openssl dgst -sha256 -hmac secret`.
        assert_eq!(
            text(token.text()),
            "SharedAccessSignature sr=hub.example%2Fdevices%2Fa%3A1&sig=2TGsAH2Vi6JKknAyB30T7Nj%2Fsbb%2BzgOy%2B%2BmMhLoWeZs%3D&se=1700000000"
        );
        assert_eq!(
            connection.connection_string().map(text),
            Some("HostName=hub.example;DeviceId=a:1;SharedAccessKey=c2VjcmV0")
        );
        assert!(!format!("{connection:?}").contains("c2Vjc"), "{connection:?}");
    }

    #[test]
    fn a_certificate_is_presented_and_the_connection_string_says_so() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::default()
            .self_signed(&key)
            .expect("a certificate");
        let x509 = X509Credential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes());
        let x509 = x509.expect("a credential");
        let connection = connection(&x509.clone().into()).expect("settings");
        let HubAuth::X509(presented) = connection.auth() else {
            panic!("a certificate")
        };
        assert_eq!(presented.chain(), x509.chain());
        assert_eq!(connection.user_name(), "hub.example/a%3A1/?api-version=2021-04-12");
        assert_eq!(
            connection.connection_string().map(text),
            Some("HostName=hub.example;DeviceId=a:1;x509=true")
        );
    }

    /// Returns a signature, but no key.
    struct External;

    #[async_trait]
    impl SymmetricSigner for External {
        async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
            Ok(vec![0; 32])
        }
    }

    #[test]
    fn an_external_key_makes_a_token_and_no_connection_string() {
        let connection = connection(&Credential::SymmetricKey(Arc::new(External))).expect("settings");
        let HubAuth::Sas(token) = connection.auth() else {
            panic!("a token")
        };
        let signature = format!("&sig={}%3D&", "A".repeat(43));
        assert!(text(token.text()).contains(&signature), "{}", text(token.text()));
        assert!(connection.connection_string().is_none());
    }

    #[test]
    fn a_given_token_is_refused_for_a_hub() {
        let token = SasToken::new("SharedAccessSignature sr=a&sig=b&se=1").expect("a token");
        let error = connection(&token.into()).expect_err("for the registration only");
        assert!(error.to_string().starts_with("credential cannot be used"), "{error}");
    }
}

//! What an MQTT client needs to connect to the assigned hub.

use std::time::SystemTime;

use percent_encoding::utf8_percent_encode;
use provisioning_types::{Assignment, CredentialError, InvalidInput, Secret, WEBSOCKET_PATH};

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

/// What the device authenticates to the hub with.
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
    ///
    /// # Cancel safety
    /// Dropping the future is safe; nothing is kept.
    pub async fn new(
        assignment: &Assignment,
        credential: &Credential,
        expires_at: SystemTime,
    ) -> Result<Self, CredentialError> {
        match credential.load().await? {
            Credential::X509(x509) => Ok(Self::from_x509(assignment, x509)),
            Credential::SymmetricKey(signer) => {
                let token = unsigned_token(assignment, expires_at).sign(signer.as_ref()).await?;
                Ok(Self::with_token(assignment, token, signer.known_key()))
            }
            _ => {
                let expected = "a certificate or a symmetric key: a ready-made token is for the registration only";
                Err(InvalidInput::new("credential", expected).into())
            }
        }
    }

    /// Makes the settings as [`new`](Self::new) does, and blocks this thread until the credential is loaded and its key
    /// has signed. Call it outside of async code: a source or a signer that needs the runtime of this thread would wait
    /// for ever.
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
    pub fn from_x509(assignment: &Assignment, x509: X509Credential) -> Self {
        Self::with_auth(assignment, HubAuth::X509(x509), Some(b"x509=true"))
    }

    /// Makes the settings with a symmetric key in memory, without waiting. They contain a token that is valid until
    /// `expires_at`; make new settings before that.
    pub fn from_symmetric_key(assignment: &Assignment, key: &SymmetricKey, expires_at: SystemTime) -> Self {
        let token = unsigned_token(assignment, expires_at).sign_with_key(key);
        Self::with_token(assignment, token, Some(key.to_base64()))
    }

    /// `key` is in base64, if it is known.
    fn with_token(assignment: &Assignment, token: SasToken, key: Option<Secret>) -> Self {
        let key = key.map(|key| Secret::new([b"SharedAccessKey=", key.expose()].concat()));
        Self::with_auth(assignment, HubAuth::Sas(token), key.as_ref().map(Secret::expose))
    }

    /// `proof` is the end of the connection string, if there is one.
    fn with_auth(assignment: &Assignment, auth: HubAuth, proof: Option<&[u8]>) -> Self {
        let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
        let beginning = format!("HostName={hub};DeviceId={device_id};");
        let escaped_id = utf8_percent_encode(device_id, ESCAPED);
        Self {
            host: hub.to_owned(),
            client_id: device_id.to_owned(),
            user_name: format!("{hub}/{escaped_id}/?api-version={HUB_API_VERSION}"),
            auth,
            connection_string: proof.map(|proof| Secret::new([beginning.as_bytes(), proof].concat())),
        }
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

fn unsigned_token(assignment: &Assignment, expires_at: SystemTime) -> UnsignedToken {
    let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
    UnsignedToken::new(&format!("{hub}/devices/{device_id}"), None, expires_at)
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, mem, sync::Arc, task::Poll, thread, time::Duration};

    use async_trait::async_trait;
    use provisioning_types::RegistrationState;
    use serde_json::json;

    use super::*;
    use crate::{symmetric_key::SymmetricSigner, testing::ready};

    fn assignment() -> Assignment {
        let state = json!({"assignedHub": "hub.example", "deviceId": "a:1"});
        let state = RegistrationState::new(state.as_object().expect("an object").clone());
        Assignment::from_state(state, None).expect("complete")
    }

    fn expires_at() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    /// Made with and without a thread that may block, which is the same.
    fn connection(credential: &Credential) -> Result<HubConnection, CredentialError> {
        let connection = ready(HubConnection::new(&assignment(), credential, expires_at()));
        let blocking = HubConnection::new_blocking(&assignment(), credential, expires_at());
        assert_eq!(connection.as_ref().ok().map(all), blocking.as_ref().ok().map(all));
        connection
    }

    /// Everything in the settings, secrets included.
    fn all(connection: &HubConnection) -> [Option<String>; 4] {
        let token = match connection.auth() {
            HubAuth::Sas(token) => Some(token.text()),
            HubAuth::X509(_) => None,
        };
        [
            Some(format!("{connection:?}")),
            Some(connection.user_name().to_owned()),
            token.map(|token| text(token).to_owned()),
            connection.connection_string().map(|secret| text(secret).to_owned()),
        ]
    }

    fn text(secret: &Secret) -> &str {
        secret.expose_str().expect("text")
    }

    #[test]
    fn a_symmetric_key_makes_a_token_for_the_hub_and_a_connection_string() {
        let key = SymmetricKey::from_base64("c2VjcmV0").expect("a key");
        let connection = connection(&key.clone().into()).expect("settings");
        let in_memory = HubConnection::from_symmetric_key(&assignment(), &key, expires_at());
        assert_eq!(all(&in_memory), all(&connection));
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
        assert_eq!(
            all(&HubConnection::from_x509(&assignment(), x509.clone())),
            all(&connection)
        );
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
        async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
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

    /// A signer on another thread, which signs later.
    struct Later;

    #[async_trait]
    impl SymmetricSigner for Later {
        async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
            let mut asked = false;
            poll_fn(|context| {
                if mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                let waker = context.waker().clone();
                thread::spawn(move || waker.wake());
                Poll::Pending
            })
            .await;
            Err(CredentialError::unavailable("the HSM is locked"))
        }
    }

    #[test]
    fn the_blocking_call_waits_for_a_signer_and_returns_its_error() {
        let credential = Credential::SymmetricKey(Arc::new(Later));
        let error = HubConnection::new_blocking(&assignment(), &credential, expires_at()).expect_err("locked");
        assert!(matches!(error, CredentialError::Unavailable(_)), "{error}");
    }

    #[test]
    fn a_given_token_is_refused_for_a_hub() {
        let token = SasToken::new("SharedAccessSignature sr=a&sig=b&se=1").expect("a token");
        let error = connection(&token.into()).expect_err("for the registration only");
        assert!(error.to_string().starts_with("credential cannot be used"), "{error}");
    }
}

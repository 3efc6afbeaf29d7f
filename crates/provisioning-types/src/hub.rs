//! From the assignment to the hub: what any MQTT client needs to connect there.

use std::{error::Error, time::SystemTime};

use percent_encoding::utf8_percent_encode;

use crate::{Assignment, Credential, InvalidInput, SasToken, Secret, WEBSOCKET_PATH, X509Credential, sas::ESCAPED};

/// The version of the hub's interface that the user name asks for.
const HUB_API_VERSION: &str = "2021-04-12";

/// What an MQTT 3.1.1 client is given to connect to an IoT hub as the device that was assigned to it.
#[derive(Debug, Clone)]
pub struct HubConnection {
    host: String,
    client_id: String,
    user_name: String,
    proof: HubProof,
    connection_string: Option<Secret>,
}

/// With what the device proves to the hub who it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HubProof {
    /// A token, to be given as the password.
    Sas(SasToken),
    /// A certificate, to be presented in the TLS handshake. There is no password.
    X509(X509Credential),
}

/// Why there are no values to connect to the hub with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubConnectionError {
    /// The credential is none for a hub: a ready-made token is for the registration only.
    #[error(transparent)]
    Credential(#[from] InvalidInput),
    /// The key that is elsewhere did not sign.
    #[error("the device's key did not sign")]
    Signer(#[source] Box<dyn Error + Send + Sync>),
}

impl HubConnection {
    /// TLS is spoken on this port.
    pub const PORT: u16 = 8883;

    /// MQTT over a WebSocket over TLS is spoken on this port, at the path [`WEBSOCKET_PATH`].
    pub const WEBSOCKET_PORT: u16 = 443;

    /// Makes the values for the hub of `assignment` from the credential that the device registered with. With a
    /// symmetric key they hold a token that is valid until `expires_at`; make new ones before that.
    ///
    /// # Errors
    /// [`HubConnectionError`]: the credential serves no hub, cannot be read, or did not sign.
    pub async fn new(
        assignment: &Assignment,
        credential: &Credential,
        expires_at: SystemTime,
    ) -> Result<Self, HubConnectionError> {
        let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
        let (proof, secret) = match credential.load()? {
            Credential::X509(x509) => (HubProof::X509(x509), Some(Secret::new(b"x509=true".to_vec()))),
            Credential::SymmetricKey(signer) => {
                let resource = format!("{hub}/devices/{device_id}");
                let token = SasToken::over(&resource, None, signer.as_ref(), expires_at).await;
                let secret = signer
                    .known_key()
                    .map(|key| Secret::new([b"SharedAccessKey=", key.expose()].concat()));
                (HubProof::Sas(token.map_err(HubConnectionError::Signer)?), secret)
            }
            _ => {
                let expected = "a certificate or a symmetric key: a ready-made token is for the registration only";
                return Err(InvalidInput::new("credential", expected).into());
            }
        };
        let beginning = format!("HostName={hub};DeviceId={device_id};");
        let whole = |secret: Secret| Secret::new([beginning.as_bytes(), secret.expose()].concat());
        Ok(Self {
            host: hub.to_owned(),
            client_id: device_id.to_owned(),
            user_name: format!(
                "{hub}/{}/?api-version={HUB_API_VERSION}",
                utf8_percent_encode(device_id, ESCAPED)
            ),
            connection_string: secret.map(whole),
            proof,
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
    pub fn proof(&self) -> &HubProof {
        &self.proof
    }

    /// What the hub's device SDKs take: it holds the symmetric key. None when that is elsewhere.
    pub fn connection_string(&self) -> Option<&Secret> {
        self.connection_string.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        sync::Arc,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::{RegistrationState, SymmetricKey, SymmetricSigner};

    /// A key in memory never waits.
    fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("a key in memory never waits"),
        }
    }

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
        let connection = connection(&key.into()).expect("values");
        assert_eq!(connection.host(), "hub.example");
        assert_eq!(connection.client_id(), "a:1");
        assert_eq!(connection.user_name(), "hub.example/a%3A1/?api-version=2021-04-12");
        let HubProof::Sas(token) = connection.proof() else {
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
    fn a_certificate_is_its_own_proof_and_the_connection_string_says_so() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::default()
            .self_signed(&key)
            .expect("a certificate");
        let x509 = X509Credential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes());
        let x509 = x509.expect("a credential");
        let connection = connection(&x509.clone().into()).expect("values");
        let HubProof::X509(proof) = connection.proof() else {
            panic!("a certificate")
        };
        assert_eq!(proof.chain(), x509.chain());
        assert_eq!(connection.user_name(), "hub.example/a%3A1/?api-version=2021-04-12");
        assert_eq!(
            connection.connection_string().map(text),
            Some("HostName=hub.example;DeviceId=a:1;x509=true")
        );
    }

    /// Knows a signature, but no key.
    struct Elsewhere;

    #[async_trait]
    impl SymmetricSigner for Elsewhere {
        async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
            Ok(vec![0; 32])
        }
    }

    #[test]
    fn a_key_held_elsewhere_makes_a_token_and_no_connection_string() {
        let connection = connection(&Credential::SymmetricKey(Arc::new(Elsewhere))).expect("values");
        let HubProof::Sas(token) = connection.proof() else {
            panic!("a token")
        };
        let signature = format!("&sig={}%3D&", "A".repeat(43));
        assert!(text(token.text()).contains(&signature), "{}", text(token.text()));
        assert!(connection.connection_string().is_none());
    }

    #[test]
    fn a_token_made_elsewhere_serves_no_hub() {
        let token = SasToken::new("SharedAccessSignature sr=a&sig=b&se=1").expect("a token");
        let error = connection(&token.into()).expect_err("for the registration only");
        assert!(error.to_string().starts_with("credential cannot be used"), "{error}");
    }
}

//! The settings for each kind of credential, hub and connection profile.

use std::{future::poll_fn, mem, sync::Arc, task::Poll, thread, time::Duration};

use async_trait::async_trait;
use provisioning_types::RegistrationState;
use serde_json::{Value, json};

use super::*;
use crate::{
    symmetric_key::SymmetricSigner,
    testing::{named, ready},
};

fn assignment() -> Assignment {
    assignment_of(json!({"assignedHub": "hub.example", "deviceId": "a:1"}))
}

fn assignment_of(state: Value) -> Assignment {
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
    let in_memory = HubConnection::from_symmetric_key(&assignment(), &key, expires_at()).expect("settings");
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

fn x509() -> X509Credential {
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = named(Some("a")).self_signed(&key).expect("a certificate");
    let x509 = X509Credential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes());
    x509.expect("a credential")
}

#[test]
fn a_certificate_is_presented_and_the_connection_string_says_so() {
    let x509 = x509();
    let connection = connection(&x509.clone().into()).expect("settings");
    let in_memory = HubConnection::from_x509(&assignment(), x509.clone()).expect("settings");
    assert_eq!(all(&in_memory), all(&connection));
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

#[test]
fn every_setting_has_the_whole_host_name_that_is_connected_to() {
    let key = SymmetricKey::from_base64("c2VjcmV0").expect("a key");
    for hub in [
        "hub.azure-devices.net",
        "hub.device.azure-devices.net",
        "Hub-1.azure-devices.cn",
    ] {
        let assignment = assignment_of(json!({"assignedHub": hub, "deviceId": "d"}));
        let connection = HubConnection::from_symmetric_key(&assignment, &key, expires_at()).expect("settings");
        assert_eq!((connection.host(), connection.client_id()), (hub, "d"));
        assert_eq!(connection.user_name(), format!("{hub}/d/?api-version=2021-04-12"));
        let HubAuth::Sas(token) = connection.auth() else {
            panic!("a token")
        };
        let resource = format!("SharedAccessSignature sr={hub}%2Fdevices%2Fd&sig=");
        assert!(text(token.text()).starts_with(&resource), "{}", text(token.text()));
        let connection_string = connection.connection_string().map(text);
        let expected = format!("HostName={hub};DeviceId=d;SharedAccessKey=c2VjcmV0");
        assert_eq!(connection_string, Some(&*expected));
    }
}

#[test]
fn a_profile_other_than_classic_is_refused_before_the_credential_is_loaded() {
    let key = SymmetricKey::from_base64("c2VjcmV0").expect("a key");
    let x509 = x509();
    let source = Credential::from_fn(|| panic!("the credential is loaded"));
    let with = |profile| assignment_of(json!({"assignedHub": "h", "deviceId": "d", "connectionProfile": profile}));
    for (profile, shown) in [
        (json!("mqttV5"), "\"mqttV5\""),
        (json!("MQTTV5"), "\"mqttV5\""),
        (json!("mqttV9"), "\"mqttV9\""),
        (json!(""), "\"\""),
        (json!(9), "\"9\""),
    ] {
        let assignment = with(profile);
        let of_source = ready(HubConnection::new(&assignment, &source, expires_at()));
        let Err(CredentialError::Invalid(of_source)) = of_source else {
            panic!("{of_source:?}")
        };
        for error in [
            of_source,
            HubConnection::from_symmetric_key(&assignment, &key, expires_at()).expect_err(shown),
            HubConnection::from_x509(&assignment, x509.clone()).expect_err(shown),
        ] {
            let beginning = format!("connection profile {shown} cannot be used: expected classic");
            assert!(error.to_string().starts_with(&beginning), "{error}");
            assert!(
                error.expected().contains("connect with a client for this profile"),
                "{error}"
            );
        }
    }
    for profile in [json!(null), json!("classic"), json!("Classic")] {
        let connection = HubConnection::from_symmetric_key(&with(profile), &key, expires_at());
        assert_eq!(connection.expect("settings").host(), "h");
    }
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

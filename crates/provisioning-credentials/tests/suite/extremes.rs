//! Clocks, lifetimes, tokens, signatures and files at the ends of their ranges: an error that says so, and no panic.

use std::{
    fs::File,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use provisioning_credentials::{
    Credential, DeviceIdentity, HubAuth, HubConnection, SasToken, SymmetricKey, SymmetricSigner, TrustedRoots,
    WallClock, X509Credential, x509_from_files,
};
use provisioning_types::{
    Assignment, CredentialError, IdScope, Identity, InvalidInput, Proof, RegistrationId, RegistrationRequest,
    RegistrationState,
};

/// A clock that stands still.
#[derive(Debug, Clone, Copy)]
struct Fixed(SystemTime);

impl WallClock for Fixed {
    fn now(&self) -> SystemTime {
        self.0
    }
}

fn before_1970() -> SystemTime {
    SystemTime::UNIX_EPOCH - Duration::from_secs(86_400)
}

/// The last second that the system's clock can represent.
fn end_of_time() -> SystemTime {
    let (mut time, mut step) = (SystemTime::UNIX_EPOCH, Duration::from_secs(1 << 63));
    while step >= Duration::from_secs(1) {
        time = time.checked_add(step).unwrap_or(time);
        step /= 2;
    }
    time
}

fn key() -> SymmetricKey {
    SymmetricKey::from_base64("a2V5").expect("a key")
}

fn token(expires_at: u64) -> SasToken {
    SasToken::new(&format!("SharedAccessSignature sr=a&sig=b&se={expires_at}")).expect("a token")
}

fn x509() -> X509Credential {
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::default()
        .self_signed(&key)
        .expect("a certificate");
    X509Credential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).expect("a credential")
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it does not wait"),
    }
}

fn prove(credential: impl Into<Credential>, now: SystemTime, lifetime: Duration) -> Result<Proof, CredentialError> {
    let scope = IdScope::new("0ne1").expect("a scope");
    let registration = RegistrationRequest::new(scope, RegistrationId::new("device-1").expect("an id"));
    let identity = DeviceIdentity::new(credential)
        .with_clock(Arc::new(Fixed(now)))
        .with_sas_lifetime(lifetime);
    ready(identity.prove(&registration))
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_given_token_or_a_certificate_has_a_hint_whatever_the_clock_says() {
    let expiry = u64::try_from(i64::MAX).expect("positive");
    for now in [before_1970(), SystemTime::UNIX_EPOCH, end_of_time()] {
        for credential in [token(0).into(), token(expiry).into(), Credential::from(x509())] {
            let shown = format!("{credential:?} at {now:?}");
            let proof = prove(credential, now, HOUR).expect("a proof");
            assert!(!proof.hint().is_empty(), "{shown}");
        }
    }
}

#[test]
fn a_key_signs_no_token_by_a_clock_before_1970_and_the_clock_is_named() {
    let error = prove(key(), before_1970(), HOUR).expect_err("no token");
    let CredentialError::Unavailable(cause) = error else {
        panic!("{error}")
    };
    assert_eq!(cause.to_string(), "this machine's clock is before 1970");
}

#[test]
fn a_lifetime_beyond_the_clocks_range_is_an_input_error_and_every_other_makes_a_token() {
    for (now, lifetime) in [
        (SystemTime::now(), Duration::MAX),
        (end_of_time(), HOUR),
        (end_of_time(), Duration::MAX),
    ] {
        let error = prove(key(), now, lifetime).expect_err("no token");
        assert!(
            matches!(&error, CredentialError::Invalid(input) if input.input() == "SAS token lifetime"),
            "{error}"
        );
    }
    let longest = end_of_time().duration_since(SystemTime::now()).expect("later") - HOUR;
    for lifetime in [Duration::ZERO, Duration::from_nanos(1), longest] {
        prove(key(), SystemTime::now(), lifetime).expect("a token");
    }
}

#[test]
fn a_lifetime_is_checked_before_any_proof() {
    let check = |credential: Credential, lifetime| DeviceIdentity::new(credential).with_sas_lifetime(lifetime).check();
    let error = check(key().into(), Duration::MAX).expect_err("too long");
    assert_eq!(error.input(), "SAS token lifetime");
    assert!(check(key().into(), HOUR).is_ok());
    assert!(check(x509().into(), Duration::MAX).is_ok(), "it signs no token");
}

#[test]
fn a_token_that_no_mqtt_password_can_hold_is_an_input_error() {
    let longest = |length: usize| {
        let text = "SharedAccessSignature sr=a&se=1&sig=";
        SasToken::new(&format!("{text}{}", "b".repeat(length - text.len())))
    };
    assert!(longest(65_535).is_ok());
    let error = longest(65_536).expect_err("too long");
    assert_eq!(error.input(), "SAS token");
    assert!(error.expected().contains("65535 bytes"), "{error}");
}

/// A signature of this many bytes.
struct Signature(usize);

#[async_trait]
impl SymmetricSigner for Signature {
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
        Ok(vec![0; self.0])
    }
}

#[test]
fn a_signature_that_is_not_of_hmac_sha256_is_an_input_error() {
    for length in [0, 31, 33, 100_000] {
        let signer = Credential::SymmetricKey(Arc::new(Signature(length)));
        let error = prove(signer, SystemTime::now(), HOUR).expect_err("no token");
        assert!(
            matches!(&error, CredentialError::Invalid(input) if input.input() == "signature"),
            "{error}"
        );
    }
}

#[test]
fn a_connection_to_the_hub_has_a_token_for_every_time() {
    let state = serde_json::json!({"assignedHub": "hub.example", "deviceId": "a"});
    let state = RegistrationState::new(state.as_object().expect("an object").clone());
    let assignment = Assignment::from_state(state, None).expect("complete");
    for expires_at in [before_1970(), end_of_time()] {
        let seconds = expires_at.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = seconds.map_or(0, |seconds| seconds.as_secs());
        let connection = HubConnection::from_symmetric_key(&assignment, &key(), expires_at).expect("settings");
        let HubAuth::Sas(token) = connection.auth() else {
            panic!("a token")
        };
        let text = token.text().expose_str().expect("text");
        assert!(text.ends_with(&format!("&se={seconds}")), "{text}");
    }
}

#[test]
fn a_file_without_an_end_is_an_input_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("endless.pem");
    // Sparse: it takes no space.
    let file = File::create(&path).expect("a file");
    file.set_len(1 << 40).expect("a length");
    let (credential, roots) = (x509_from_files(&path, &path), TrustedRoots::from_file(&path));
    let errors: [InvalidInput; 2] = [credential.expect_err("too large"), roots.expect_err("too large")];
    for error in errors {
        assert!(error.expected().contains("MiB"), "{error}");
    }
}

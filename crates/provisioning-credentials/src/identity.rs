//! A credential as the identity that a transport presents.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use provisioning_types::{BlockingKey, CredentialError, Identity, InvalidInput, Proof, RegistrationRequest};

use crate::{
    auth_hint,
    credential::{self, Credential},
    sas::{DEFAULT_SAS_LIFETIME, SasToken},
};

/// Proves who a device is with a [`Credential`]: a certificate, or a token that a symmetric key signs for every
/// connection.
#[derive(Debug, Clone)]
pub struct DeviceIdentity {
    credential: Credential,
    sas_lifetime: Duration,
    clock: Arc<dyn WallClock>,
}

impl DeviceIdentity {
    /// The identity that `credential` proves.
    pub fn new(credential: impl Into<Credential>) -> Self {
        Self {
            credential: credential.into(),
            sas_lifetime: DEFAULT_SAS_LIFETIME,
            clock: SystemClock::shared(),
        }
    }

    /// Sets how long a token that a symmetric key signs is valid: [`DEFAULT_SAS_LIFETIME`] unless set. Every connection
    /// has a new token.
    #[must_use]
    pub fn with_sas_lifetime(mut self, lifetime: Duration) -> Self {
        self.sas_lifetime = lifetime;
        self
    }

    /// Takes the time of day from `clock` instead of the system.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.clock = clock;
        self
    }

    /// The credential.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Checks the lifetime of tokens, before any proof.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `SAS token lifetime` when a token that is signed now would expire after the last time
    /// that the clock can represent.
    pub fn check(&self) -> Result<(), InvalidInput> {
        match &self.credential {
            Credential::X509(_) | Credential::SasToken(_) => Ok(()),
            Credential::SymmetricKey(_) | Credential::Source(_) => self.expires_at(self.clock.now()).map(drop),
        }
    }

    /// When a token that is signed at `now` expires.
    fn expires_at(&self, now: SystemTime) -> Result<SystemTime, InvalidInput> {
        now.checked_add(self.sas_lifetime)
            .ok_or_else(|| InvalidInput::new("SAS token lifetime", "an expiry that the system's clock can represent"))
    }
}

#[async_trait]
impl Identity for DeviceIdentity {
    async fn prove(&self, registration: &RegistrationRequest) -> Result<Proof, CredentialError> {
        let credential = self.credential.load().await?;
        let now = self.clock.now();
        match credential {
            Credential::X509(x509) => {
                let registration_id = registration.registration_id().clone();
                Ok(Proof::default()
                    .with_certificate(x509.certificate().clone())
                    .with_hint_from(move || auth_hint::for_certificate(&x509, &registration_id, now)))
            }
            Credential::SymmetricKey(_) if now < SystemTime::UNIX_EPOCH => {
                Err(CredentialError::unavailable("this machine's clock is before 1970"))
            }
            Credential::SymmetricKey(signer) => {
                let (id_scope, registration_id) = (registration.id_scope(), registration.registration_id());
                let expires_at = self.expires_at(now)?;
                let signed = SasToken::sign(signer.as_ref(), id_scope, registration_id, expires_at).await;
                Ok(present(&signed?, now))
            }
            Credential::SasToken(token) => Ok(present(&token, now)),
            Credential::Source(_) => Err(credential::nested_source().into()),
        }
    }

    fn may_block(&self) -> bool {
        match &self.credential {
            Credential::X509(_) | Credential::SasToken(_) => false,
            Credential::SymmetricKey(signer) => signer.may_block(),
            Credential::Source(source) => source.may_block(),
        }
    }

    fn blocking_key(&self) -> Option<BlockingKey> {
        match &self.credential {
            Credential::X509(_) | Credential::SasToken(_) => None,
            Credential::SymmetricKey(signer) => Some(BlockingKey::of(signer)),
            Credential::Source(source) => Some(BlockingKey::of(source)),
        }
    }
}

/// The time of day, which decides when tokens expire. Everything else uses the monotonic clock of the runtime.
pub trait WallClock: fmt::Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> SystemTime;
}

/// The system's clock.
#[derive(Debug)]
struct SystemClock;

impl SystemClock {
    /// The same for all devices.
    fn shared() -> Arc<dyn WallClock> {
        static SHARED: LazyLock<Arc<SystemClock>> = LazyLock::new(|| Arc::new(SystemClock));
        Arc::clone(&SHARED) as _
    }
}

impl WallClock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

fn present(token: &SasToken, now: SystemTime) -> Proof {
    let expires_at = token.expires_at();
    Proof::default()
        .with_password(token.text().clone())
        .with_hint_from(move || auth_hint::for_token(expires_at, now))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::{
        credential::CredentialSource,
        symmetric_key::{SymmetricKey, SymmetricSigner},
        testing::{named, ready, registration},
        x509::credential::X509Credential,
    };

    /// Advances by one second with every call.
    #[derive(Debug, Default)]
    struct CountingClock(AtomicU64);

    impl WallClock for CountingClock {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    /// A signer whose key is not available.
    struct Broken;

    #[async_trait]
    impl SymmetricSigner for Broken {
        async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
            Err(CredentialError::unavailable("the HSM is not connected"))
        }
    }

    fn key() -> SymmetricKey {
        SymmetricKey::from_base64("a2V5").expect("a key")
    }

    fn x509() -> X509Credential {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = named(Some("a")).self_signed(&key).expect("a certificate");
        X509Credential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).expect("a credential")
    }

    fn token(proof: &Proof) -> SasToken {
        let password = proof.password.as_ref().expect("a password");
        SasToken::new(password.expose_str().expect("text")).expect("a token")
    }

    fn prove(identity: &DeviceIdentity) -> Result<Proof, CredentialError> {
        ready(identity.prove(&registration("a")))
    }

    #[test]
    fn every_connection_has_a_token_of_its_own_that_lives_as_long_as_was_set() {
        let identity = DeviceIdentity::new(key()).with_clock(Arc::new(CountingClock::default()));
        let expiry = |identity: &DeviceIdentity| {
            let expires_at = token(&prove(identity).expect("a token")).expires_at();
            expires_at
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("after 1970")
                .as_secs()
        };
        assert_eq!(expiry(&identity), 3600);
        assert_eq!(expiry(&identity), 3601);
        let identity = identity.with_sas_lifetime(Duration::from_secs(60));
        assert_eq!(expiry(&identity), 62);
    }

    #[test]
    fn a_certificate_is_presented_without_a_password() {
        let x509 = x509();
        let proof = prove(&DeviceIdentity::new(x509.clone())).expect("a certificate");
        assert_eq!(proof.certificate.as_ref(), Some(x509.certificate()));
        assert_eq!(proof.password, None);
        assert!(proof.hint().contains("intermediate CA"), "{}", proof.hint());
    }

    #[test]
    fn a_key_signs_for_the_id_scope_and_the_registration_id_and_a_given_token_is_presented_as_it_is() {
        let proof = prove(&DeviceIdentity::new(key())).expect("a token");
        let password = proof.password.as_ref().expect("a password").expose();
        let resource = "SharedAccessSignature sr=0ne1%2Fregistrations%2Fa&";
        assert!(password.starts_with(resource.as_bytes()));
        assert_eq!(proof.certificate, None);

        let given = SasToken::new("SharedAccessSignature sr=b&sig=c&se=5").expect("a token");
        let proof = prove(&DeviceIdentity::new(given.clone())).expect("a token");
        assert_eq!(token(&proof), given);
        assert!(proof.hint().starts_with("the SAS token expired"), "{}", proof.hint());
    }

    #[test]
    fn a_source_is_loaded_for_every_proof_and_its_error_is_the_proofs() {
        let loads = AtomicU64::new(0);
        let identity = DeviceIdentity::new(Credential::from_fn(move || {
            match loads.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(key().into()),
                1 => Ok(x509().into()),
                2 => Err(InvalidInput::new("certificate", "a readable file").into()),
                _ => Err(CredentialError::unavailable("the vault is sealed")),
            }
        }));
        assert!(prove(&identity).expect("a key").password.is_some());
        assert!(prove(&identity).expect("a certificate").certificate.is_some());
        let error = prove(&identity).expect_err("unreadable");
        assert!(
            matches!(&error, CredentialError::Invalid(input) if input.input() == "certificate"),
            "{error}"
        );
        let error = prove(&identity).expect_err("unavailable");
        assert!(matches!(error, CredentialError::Unavailable(_)), "{error}");
    }

    #[test]
    fn a_signer_that_fails_makes_the_credential_unavailable() {
        let error = prove(&DeviceIdentity::new(Credential::SymmetricKey(Arc::new(Broken)))).expect_err("no key");
        let CredentialError::Unavailable(cause) = error else {
            panic!("{error}")
        };
        assert_eq!(cause.to_string(), "the HSM is not connected");
    }

    #[test]
    fn a_lifetime_beyond_the_range_of_the_clock_is_an_error() {
        let identity = DeviceIdentity::new(key()).with_sas_lifetime(Duration::MAX);
        assert!(matches!(prove(&identity), Err(CredentialError::Invalid(_))));
    }

    /// A source in memory.
    struct InMemory;

    #[async_trait]
    impl CredentialSource for InMemory {
        async fn load(&self) -> Result<Credential, CredentialError> {
            Ok(key().into())
        }

        fn may_block(&self) -> bool {
            false
        }
    }

    #[test]
    fn signers_and_sources_that_do_not_say_otherwise_may_block() {
        let token = SasToken::new("SharedAccessSignature sr=b&sig=c&se=5").expect("a token");
        for (credential, may_block) in [
            (Credential::from(key()), false),
            (x509().into(), false),
            (token.into(), false),
            (Credential::SymmetricKey(Arc::new(Broken)), true),
            (Credential::from_fn(|| Ok(key().into())), true),
            (Credential::from_source(InMemory), false),
        ] {
            let shown = format!("{credential:?}");
            assert_eq!(DeviceIdentity::new(credential).may_block(), may_block, "{shown}");
        }
    }
}

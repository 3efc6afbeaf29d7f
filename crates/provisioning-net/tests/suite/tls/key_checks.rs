//! External keys that do not belong to their certificates, found before any connection, and what the check costs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use provisioning_types::{
    ClientCertificate, CredentialError, ErrorKind, InvalidInput, Phase, PrivateKey, SignatureScheme, X509Signer,
};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SigningKey};
use test_support::tls::{BOTH_VERSIONS, new_key};

use super::{device::Device, server::Server};
use crate::support::exchange;

/// Signs, and counts its signatures.
struct Counting {
    key: KeyPair,
    schemes: [SignatureScheme; 1],
    public_key: Option<Vec<u8>>,
    signatures: AtomicUsize,
}

impl Counting {
    fn new(key: KeyPair, scheme: SignatureScheme) -> Self {
        Self {
            key,
            schemes: [scheme],
            public_key: None,
            signatures: AtomicUsize::new(0),
        }
    }

    fn ecdsa() -> Self {
        Self::new(new_key(), SignatureScheme::EcdsaP256Sha256)
    }

    fn knowing_its_public_key(mut self) -> Self {
        self.public_key = Some(self.key.subject_public_key_info());
        self
    }

    fn signatures(&self) -> usize {
        self.signatures.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl X509Signer for Counting {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn public_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }

    async fn sign(&self, _: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.signatures.fetch_add(1, Ordering::Relaxed);
        self.key.sign(message).map_err(CredentialError::unavailable)
    }
}

/// A certificate of `server` for `key`, which `signer` signs for.
fn certificate(server: &Server, key: &KeyPair, signer: &Arc<Counting>) -> ClientCertificate {
    let signer: Arc<Counting> = Arc::clone(signer);
    let chain = vec![server.ca.device(key).der().to_vec()];
    ClientCertificate::new(chain, PrivateKey::External(signer))
}

async fn connects(server: &Server, device: &Device) {
    let call = device.connect();
    let mut stream = server.accept(device).await;
    exchange(&mut call.success().await, &mut stream).await;
}

#[tokio::test]
async fn a_signer_with_another_key_is_an_input_error_before_any_connection() {
    let server = Server::new(BOTH_VERSIONS[1]);
    let p384 = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let rsa = include_str!("../../data/rsa2048.pkcs8.pem");
    let rsa = || KeyPair::from_pem_and_sign_algo(rsa, &PKCS_RSA_SHA256).expect("a key");
    let ed25519 = || KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    for (signer, certified, checked_by_build, signatures) in [
        (Counting::ecdsa(), new_key(), false, 1),
        (Counting::ecdsa().knowing_its_public_key(), new_key(), true, 0),
        // TLS 1.2 does not bind the scheme to the curve.
        (Counting::ecdsa(), p384(), false, 1),
        (Counting::ecdsa(), rsa(), true, 0),
        (Counting::ecdsa(), ed25519(), true, 0),
        (
            Counting::new(rsa(), SignatureScheme::RsaPkcs1Sha256),
            new_key(),
            true,
            0,
        ),
    ] {
        let signer = Arc::new(signer);
        let certificate = certificate(&server, &certified, &signer);
        let built = server.trust().check(&certificate);
        assert_eq!(built.is_err(), checked_by_build, "{:?}", signer.schemes);
        let device = Device::new(server.trust(), certificate);
        let error = device.connect().error().await;
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Input, Some(Phase::Connect)));
        assert_eq!(error.invalid_input().map(InvalidInput::input), Some("private key"));
        assert!(error.to_string().contains("belongs to the certificate"), "{error}");
        assert!(device.made_no_connection().await);
        assert_eq!(signer.signatures(), signatures, "{:?}", signer.schemes);
    }
}

#[tokio::test]
async fn a_signer_of_a_later_certificate_is_an_error_of_the_certificate_that_says_which_one_comes_first() {
    let server = Server::new(BOTH_VERSIONS[1]);
    for signer in [Counting::ecdsa(), Counting::ecdsa().knowing_its_public_key()] {
        let own = server.ca.device(&signer.key).der().to_vec();
        let chain = vec![server.ca.certificate().der().to_vec(), own];
        let signer: Arc<Counting> = Arc::new(signer);
        let device = Device::new(
            server.trust(),
            ClientCertificate::new(chain, PrivateKey::External(signer)),
        );
        let error = device.connect().error().await;
        let input = error.invalid_input().expect("an input");
        assert_eq!(input.input(), "certificate");
        let words = "the private key belongs to certificate 2: put that one first";
        assert!(input.expected().contains(words), "{error}");
        assert!(device.made_no_connection().await);
    }
}

#[tokio::test]
async fn the_check_costs_one_signature_per_certificate_and_none_with_a_known_public_key() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        for (signer, check) in [(Counting::ecdsa(), 1), (Counting::ecdsa().knowing_its_public_key(), 0)] {
            let signer = Arc::new(signer);
            let mut device = Device::new(server.trust(), certificate(&server, &signer.key, &signer));
            for connections in 1..=3 {
                connects(&server, &device).await;
                assert_eq!(signer.signatures(), check + connections);
            }
            // Another connector, and a renewed certificate for the same key.
            let other = Device::new(server.trust(), certificate(&server, &signer.key, &signer));
            connects(&server, &other).await;
            device.renew(certificate(&server, &signer.key, &signer));
            connects(&server, &device).await;
            assert_eq!(signer.signatures(), check + 5);
        }
    }
}

#[tokio::test]
async fn every_kind_of_key_that_fits_passes() {
    let server = Server::new(BOTH_VERSIONS[0]);
    let rsa = include_str!("../../data/rsa2048.pkcs8.pem");
    let rsa = KeyPair::from_pem_and_sign_algo(rsa, &PKCS_RSA_SHA256).expect("a key");
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    for (key, scheme) in [
        (rsa, SignatureScheme::RsaPkcs1Sha256),
        (p384, SignatureScheme::EcdsaP384Sha384),
        (ed25519, SignatureScheme::Ed25519),
    ] {
        let signer = Arc::new(Counting::new(key, scheme));
        let device = Device::new(server.trust(), certificate(&server, &signer.key, &signer));
        connects(&server, &device).await;
    }
}

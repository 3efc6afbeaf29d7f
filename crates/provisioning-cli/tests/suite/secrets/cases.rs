//! Credentials of every kind, and what of each may not be shown.

use std::{
    fs,
    future::ready,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use pkcs8::{LineEnding, PrivateKeyInfoRef, pkcs5::pbes2};
use provisioning_device::{
    Credential, CredentialError, SasToken, Secret as Hidden, SymmetricKey, SymmetricSigner, X509Credential, async_trait,
};
use rcgen::KeyPair;
use test_support::{Files, signers::ExternalKey};

use super::{
    search::Secret,
    service::{ID_SCOPE, Service},
};

pub(super) const DEVICE_KEY: &[u8] = b"a key that nobody may see";
pub(super) const GROUP_KEY: &[u8] = b"another key of many devices";
const PASSPHRASE: &str = "0pen-5esame-and-tell-nobody";

/// A credential, the device that it is for, and what of it must not be shown.
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) registration_id: &'static str,
    pub(super) credential: Credential,
    pub(super) secrets: Vec<Secret>,
}

/// A credential of every kind.
pub(super) async fn cases(service: &Service, files: &Files) -> Vec<Case> {
    let mut cases = certificates(service, files);
    cases.extend(symmetric_keys(files).await);
    cases
}

fn certificates(service: &Service, files: &Files) -> Vec<Case> {
    let [certificate_file, key_file] = service.certified();
    let read = |file| fs::read_to_string(file).expect("a file");
    let (certificate, key) = (read(&certificate_file), read(&key_file));
    let key_pair = KeyPair::from_pem(&key).expect("a key");
    let key_der = key_pair.serialize_der();
    let encrypted = files.write("encrypted.key", encrypted(&key_der));
    let private_key = Secret::middle("a private key", scalar(&key_der));
    let passphrase = Secret::middle("a passphrase", PASSPHRASE);
    let in_memory = X509Credential::from_pem(certificate.as_bytes(), key.as_bytes()).expect("a credential");
    let external = Arc::new(ExternalKey(|| ready(Ok(())), key_pair));
    let external = X509Credential::from_pem_with_signer(certificate.as_bytes(), external).expect("a credential");
    let in_files = Credential::x509_from_files(&certificate_file, &key_file).expect("files");
    let passphrase_of_key = Hidden::new(PASSPHRASE.as_bytes().to_vec());
    let encrypted = Credential::x509_from_encrypted_files(&certificate_file, encrypted, passphrase_of_key);
    let case = |what, credential, secrets| Case {
        what,
        registration_id: "certified",
        credential,
        secrets,
    };
    vec![
        case("a certificate", in_memory.into(), vec![private_key.clone()]),
        case("a certificate in files", in_files, vec![private_key.clone()]),
        case(
            "a certificate with an external key",
            external.into(),
            vec![private_key.clone()],
        ),
        case(
            "a certificate with an encrypted key",
            encrypted.expect("files"),
            vec![private_key, passphrase],
        ),
    ]
}

async fn symmetric_keys(files: &Files) -> Vec<Case> {
    let base64 = |key: &[u8]| BASE64_STANDARD.encode(key);
    let symmetric_key = |key: &[u8]| SymmetricKey::from_base64(&base64(key)).expect("a key");
    let key = symmetric_key(DEVICE_KEY);
    let in_file = Credential::symmetric_key_from_file(files.write("keyed.b64", base64(DEVICE_KEY))).expect("a file");
    let derived = symmetric_key(GROUP_KEY).derive(&"derived".parse().expect("an id"));
    let derived_bytes = BASE64_STANDARD.decode(derived.to_base64().expose()).expect("base64");
    let (scope, id) = (ID_SCOPE.parse().expect("a scope"), "keyed".parse().expect("an id"));
    let expires_at = SystemTime::now() + Duration::from_secs(600);
    let token = SasToken::sign(&key, &scope, &id, expires_at).await.expect("a token");
    let token_text = token.text().expose().to_vec();
    let token_file = files.write("token", &token_text);
    let device_key = Secret::middle("a symmetric key", DEVICE_KEY);
    // What every token that the client makes of a key begins with.
    let any_token = Secret::whole("a token", format!("SharedAccessSignature sr={ID_SCOPE}"));
    let this_token = Secret::middle("this token", &token_text);
    let case = |what, registration_id, credential, secrets: &[&Secret]| Case {
        what,
        registration_id,
        credential,
        secrets: secrets.iter().map(|&secret| secret.clone()).collect(),
    };
    let external = Credential::SymmetricKey(Arc::new(ExternalSymmetricKey(key.clone())));
    let keys = [&device_key, &any_token];
    let derived_keys = [
        &Secret::middle("a group's key", GROUP_KEY),
        &Secret::middle("a derived key", derived_bytes),
        &any_token,
    ];
    let tokens = [&device_key, &any_token, &this_token];
    let in_token_file = Credential::sas_token_from_file(token_file).expect("a file");
    vec![
        case("a symmetric key", "keyed", key.into(), &keys),
        case("a symmetric key in a file", "keyed", in_file, &keys),
        case("an external symmetric key", "keyed", external, &keys),
        case("a derived key", "derived", derived.into(), &derived_keys),
        case("a token", "keyed", token.into(), &tokens),
        case("a token in a file", "keyed", in_token_file, &tokens),
    ]
}

/// The private number of an EC P-256 key in PKCS#8: an octet string of 32 bytes.
pub(super) fn scalar(pkcs8: &[u8]) -> &[u8] {
    let start = pkcs8
        .windows(2)
        .position(|bytes| bytes == [4, 32])
        .expect("a P-256 key")
        + 2;
    &pkcs8[start..start + 32]
}

/// The key in PEM, encrypted with the passphrase. Few iterations, as the key is read for every connection.
fn encrypted(pkcs8: &[u8]) -> String {
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(2, b"salt-for-test", [7; 16]);
    let key = PrivateKeyInfoRef::try_from(pkcs8).expect("PKCS#8");
    let key = key
        .encrypt_with_params(parameters.expect("parameters"), PASSPHRASE)
        .expect("a key");
    let pem = key.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF);
    pem.expect("PEM").to_string()
}

struct ExternalSymmetricKey(SymmetricKey);

#[async_trait]
impl SymmetricSigner for ExternalSymmetricKey {
    async fn sign(&self, data: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.0.sign(data).await
    }
}

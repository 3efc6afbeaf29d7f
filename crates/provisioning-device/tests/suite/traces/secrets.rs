//! No secret is shown: not by `Debug`, errors or events, nor by what is traced or logged at any level.

use std::{
    future::ready,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_device::{
    Credential, CredentialError, SasToken, Secret, SymmetricKey, SymmetricSigner, Transport, X509Credential,
    symmetric_key_from_file, x509_from_encrypted_files, x509_from_files,
};
use provisioning_emulator::{Device, Emulator};
use rcgen::KeyPair;
use test_support::{
    Files,
    emulator::{local_dps, start, x509},
    signers::ExternalKey,
};

use crate::support::{BOTH, builder, recorder::recorder};

const KEY: &[u8] = b"a key that nobody may see";
const PASSPHRASE: &str = "correct";

/// A credential, the device that it is for, and what of it must not be shown.
struct Case {
    what: &'static str,
    registration_id: &'static str,
    credential: Credential,
    secrets: Vec<Vec<u8>>,
}

#[tokio::test]
async fn secrets_are_in_no_trace_no_error_no_event_and_no_debug_output_whatever_the_credential() {
    let recorder = recorder();
    let files = Files::new();
    let emulator = start(local_dps().device(Device::new("keyed").symmetric_keys(key(), key()))).await;
    let mut tried = vec![];
    for transport in BOTH {
        for case in cases(&emulator, &files).await {
            let shown = register(&emulator, &case, transport).await;
            tried.push((case, shown));
        }
    }
    emulator.shutdown().await;
    let own = recorder.text_of_this_thread();
    assert!(own.contains("connecting"), "it listens: {own}");
    let traced = recorder.text();
    for (Case { what, secrets, .. }, shown) in tried {
        for secret in secrets.iter().flat_map(|secret| spellings(secret)) {
            assert!(!shown.contains(&secret), "{what}: {secret} in {shown}");
            let leak = traced.lines().find(|line| line.contains(&secret));
            assert_eq!(leak, None, "{what}: {secret} was traced");
        }
    }
}

/// Registers, once in vain; returns everything that the client showed.
async fn register(emulator: &Emulator, case: &Case, transport: Transport) -> String {
    let builder = builder(emulator, case.credential.clone(), transport).with_registration_id(case.registration_id);
    let mut shown = format!("{:?} {builder:?}", case.credential);
    let client = builder.clone().build().expect("valid input");
    let mut events = client.events();
    let assignment = client.register().await.unwrap_or_else(|e| panic!("{}: {e}", case.what));
    shown += &format!("{assignment:?} {:?}", client.request());
    drop(client);
    while let Some(event) = events.next().await {
        shown += &format!("{event} {event:?}");
    }
    let nobody = builder
        .with_registration_id("somebody-else")
        .build()
        .expect("valid input");
    shown + &test_support::shown(&nobody.register().await.expect_err("another device's credential"))
}

async fn cases(emulator: &Emulator, files: &Files) -> Vec<Case> {
    let identity = emulator.issue_device("certified").expect("a device");
    let key_pair = KeyPair::from_pem(&identity.private_key_pem).expect("a key");
    let key_der = key_pair.serialize_der();
    let certificate = files.write("device.pem", &identity.certificate_chain_pem);
    let key_file = files.write("device.key", &identity.private_key_pem);
    let symmetric = SymmetricKey::from_base64(&key()).expect("a key");
    let group_key = emulator.group_key();
    let group = SymmetricKey::from_base64(&group_key).expect("a key");
    let derived = group.derive(&"derived".parse().expect("an id"));
    let (scope, id) = (
        emulator.id_scope().parse().expect("a scope"),
        "keyed".parse().expect("an id"),
    );
    let expires_at = SystemTime::now() + Duration::from_secs(600);
    let token = SasToken::sign(&symmetric, &scope, &id, expires_at)
        .await
        .expect("a token");
    // What every token made of a key would show.
    let signature = b"SharedAccessSignature".to_vec();
    let case = |what, registration_id, credential, secrets| Case {
        what,
        registration_id,
        credential,
        secrets,
    };
    vec![
        case(
            "a certificate",
            "certified",
            x509(&identity).into(),
            vec![key_der.clone()],
        ),
        case(
            "a certificate in files",
            "certified",
            x509_from_files(certificate, key_file).expect("valid"),
            vec![key_der],
        ),
        case(
            "a key elsewhere",
            "certified",
            elsewhere(&identity.certificate_chain_pem, key_pair),
            vec![],
        ),
        case(
            "a symmetric key",
            "keyed",
            symmetric.clone().into(),
            vec![KEY.to_vec(), signature.clone()],
        ),
        case(
            "a symmetric key in a file",
            "keyed",
            symmetric_key_from_file(files.write("keyed.b64", key())).expect("valid"),
            vec![KEY.to_vec(), signature.clone()],
        ),
        case(
            "a derived key",
            "derived",
            derived.clone().into(),
            vec![
                group_key.into_bytes(),
                derived.to_base64().expose().to_vec(),
                signature.clone(),
            ],
        ),
        case(
            "a symmetric key elsewhere",
            "keyed",
            Credential::SymmetricKey(Arc::new(ExternalSymmetricKey(symmetric))),
            vec![KEY.to_vec(), signature.clone()],
        ),
        case(
            "a token",
            "keyed",
            token.clone().into(),
            vec![token.text().expose().to_vec(), signature],
        ),
    ]
}

#[test]
fn an_encrypted_key_its_passphrase_and_what_they_hold_are_not_repeated() {
    let data = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../provisioning-credentials/tests/data/encrypted"
    );
    let open = |passphrase: &str| {
        let (certificate, key) = (format!("{data}.pem"), format!("{data}.key"));
        x509_from_encrypted_files(certificate, key, Secret::new(passphrase.as_bytes().to_vec()))
    };
    let credential = open(PASSPHRASE).expect("the passphrase opens it");
    let wrong = open("wr0ng-passphrase").expect_err("another passphrase");
    let shown = format!(
        "{credential:?} {:?} {}",
        credential.load_if_ready().expect("it opens"),
        test_support::shown(&wrong)
    );
    assert!(!shown.contains(PASSPHRASE) && !shown.contains("wr0ng"), "{shown}");
}

/// How bytes look when they are printed: text, base64, hex, a list of numbers, escaped.
fn spellings(secret: &[u8]) -> Vec<String> {
    let base64 = STANDARD.encode(secret);
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{secret:?}");
    let escaped = secret.escape_ascii().to_string();
    let mut spellings = vec![
        base64,
        hex.to_uppercase(),
        hex,
        list[1..list.len() - 1].to_owned(),
        escaped,
    ];
    spellings.extend(String::from_utf8(secret.to_vec()).ok());
    // A part of a secret is a leak too: look for the middle half of each.
    spellings
        .iter()
        .map(|text| text[text.len() / 4..text.len() * 3 / 4].to_owned())
        .collect()
}

fn key() -> String {
    STANDARD.encode(KEY)
}

fn elsewhere(chain_pem: &str, key: KeyPair) -> Credential {
    X509Credential::from_pem_with_signer(chain_pem.as_bytes(), Arc::new(ExternalKey(|| ready(Ok(())), key)))
        .expect("a credential")
        .into()
}

struct ExternalSymmetricKey(SymmetricKey);

#[async_trait]
impl SymmetricSigner for ExternalSymmetricKey {
    async fn sign(&self, data: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.0.sign(data).await
    }
}

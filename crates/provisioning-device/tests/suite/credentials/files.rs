//! Credentials from files: what is renewed there is used for the next connection.

use provisioning_device::{ErrorKind, Secret, sas_token_from_file, symmetric_key_from_file, x509_from_files};
use provisioning_device::{SasToken, SymmetricKey, x509_from_encrypted_files};
use provisioning_emulator::{Device, Emulator, LogKind};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use test_support::{
    Files,
    emulator::{local_dps, start},
};

use crate::support::{BOTH, builder};

/// Two keys in base64; a device knows one, its service at first the other.
const OLD_KEY: &str = "b2xkIGtleQ==";
const NEW_KEY: &str = "bmV3IGtleQ==";

fn put_identity(files: &Files, emulator: &Emulator, registration_id: &str) {
    let identity = emulator.issue_device(registration_id).expect("a device");
    files.write("device.pem", identity.certificate_chain_pem);
    files.write("device.key", identity.private_key_pem);
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let emulator = start(local_dps()).await;
    let stranger = local_dps().start_in_memory().expect("another CA");
    for transport in BOTH {
        let files = Files::new();
        put_identity(&files, &stranger, "device-1");
        let credential = x509_from_files(files.path("device.pem"), files.path("device.key")).expect("valid");
        let client = builder(&emulator, credential, transport).build().expect("valid");
        client.register().await.expect_err("another CA's device");
        put_identity(&files, &emulator, "device-1");
        client.register().await.expect("the renewed certificate is taken");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn certificate_and_key_may_be_der_files() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    let certificate = CertificateDer::from_pem_slice(identity.certificate_chain_pem.as_bytes()).expect("PEM");
    let key = PrivatePkcs8KeyDer::from_pem_slice(identity.private_key_pem.as_bytes()).expect("PEM");
    let files = Files::new();
    let certificate = files.write("device.der", certificate);
    let plain = files.write("device.key.der", key.secret_pkcs8_der());
    for transport in BOTH {
        let credential = x509_from_files(&certificate, &plain).expect("DER");
        let client = builder(&emulator, credential, transport).build().expect("valid");
        client.register().await.expect("assigned");
    }
    // A passphrase that is not needed does no harm.
    let passphrase = Secret::new(b"passphrase".to_vec());
    assert!(x509_from_encrypted_files(&certificate, &plain, passphrase.clone()).is_ok());
    let wrong = x509_from_encrypted_files(&certificate, &certificate, passphrase);
    let error = wrong.expect_err("not a key").to_string();
    assert!(
        error.contains("device.der") && error.contains("it is a certificate"),
        "{error}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_renewed_symmetric_key_and_a_renewed_token_are_used_without_a_restart() {
    let device = Device::new("device-1").symmetric_keys(NEW_KEY, NEW_KEY);
    let emulator = start(local_dps().device(device)).await;
    let scope = emulator.id_scope().parse().expect("a scope");
    let id = "device-1".parse().expect("an id");
    for transport in BOTH {
        let files = Files::new();
        let mut clients = vec![];
        for content in [OLD_KEY, NEW_KEY] {
            let key = SymmetricKey::from_base64(content).expect("a key");
            let expires_at = std::time::SystemTime::now() + std::time::Duration::from_secs(600);
            let token = SasToken::sign(&key, &scope, &id, expires_at).await.expect("a token");
            let key_file = files.write("device.b64", content);
            let token_file = files.write("device.sas", token.text().expose());
            if clients.is_empty() {
                for credential in [symmetric_key_from_file(key_file), sas_token_from_file(token_file)] {
                    let builder = builder(&emulator, credential.expect("valid"), transport);
                    clients.push(builder.with_registration_id("device-1").build().expect("valid"));
                }
                for client in &clients {
                    let error = client.register().await.expect_err("the old key");
                    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
                }
            }
        }
        for client in &clients {
            client.register().await.expect("the new one is taken");
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_file_that_has_become_unusable_ends_the_registration_as_input_before_any_connection() {
    let emulator = start(local_dps()).await;
    let files = Files::new();
    for transport in BOTH {
        put_identity(&files, &emulator, "device-1");
        let credential = x509_from_files(files.path("device.pem"), files.path("device.key")).expect("valid");
        let client = builder(&emulator, credential, transport).build().expect("valid");
        emulator.clear_log();
        files.write("device.pem", "no certificate any more");
        let error = client.register().await.expect_err("unusable");
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("device.pem"), "{error}");
        let connected = emulator.log().iter().any(|entry| entry.kind == LogKind::Open);
        assert!(!connected, "nobody has connected");
        put_identity(&files, &emulator, "device-1");
        client
            .register()
            .await
            .expect("the same client, once it is usable again");
    }
    emulator.shutdown().await;
}

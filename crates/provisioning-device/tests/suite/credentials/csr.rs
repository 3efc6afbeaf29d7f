//! Certificates that the service issues for a signing request.

use std::time::{Duration, SystemTime};

use provisioning_device::{
    CertificateSigningRequest, Credential, GeneratedRequest, IssuedChain, IssuedChainError, ProvisioningDeviceClient,
    RegistrationId, Secret,
};
use provisioning_emulator::{Device, Emulator, LogKind};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use serde_json::{Value, json};
use test_support::emulator::{local_dps, start, x509};

use crate::support::{BOTH, builder};

fn id() -> RegistrationId {
    "device-1".parse().expect("an id")
}

/// A client of `device-1` that asks for a certificate.
fn client(
    emulator: &Emulator,
    transport: provisioning_device::Transport,
    csr: CertificateSigningRequest,
) -> ProvisioningDeviceClient {
    let identity = emulator.issue_device("device-1").expect("a device");
    builder(emulator, x509(&identity), transport)
        .with_csr(csr)
        .build()
        .expect("valid")
}

#[tokio::test]
async fn a_certificate_for_a_generated_key_is_issued_and_registers_the_device_the_next_time() {
    let emulator = start(local_dps()).await;
    for transport in BOTH {
        let generated = GeneratedRequest::new(&id()).expect("a request");
        let client = client(&emulator, transport, generated.request);
        emulator.clear_log();
        let assignment = client.register().await.expect("assigned");
        let connect = emulator
            .log()
            .into_iter()
            .find(|entry| entry.kind == LogKind::Connect)
            .expect("a connection");
        let payload = connect.payload.as_deref().unwrap_or_default();
        assert!(payload.contains("api-version=2026-11-01&"), "{connect:?}");
        let issued = IssuedChain::from_state(assignment.state(), client.request(), SystemTime::now()).expect("a chain");
        assert_eq!(issued.der().len(), 2, "the device's and the CA's");
        let renewed = issued.into_credential(&generated.private_key_pem).expect("they fit");
        let client = builder(&emulator, Credential::from(renewed), transport)
            .build()
            .expect("valid");
        client.register().await.expect("the issued certificate is the device's");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_callers_own_request_with_a_key_of_each_kind_gets_a_certificate_that_registers_the_device() {
    let emulator = start(local_dps()).await;
    let rsa = include_str!("../../../../provisioning-net/tests/data/rsa2048.pkcs8.pem");
    for key in [
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        KeyPair::from_pem(rsa),
    ] {
        let key = key.expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "device-1");
        let csr = params.serialize_request(&key).expect("a request").der().to_vec();
        let client = client(
            &emulator,
            BOTH[0],
            CertificateSigningRequest::from_der(csr).expect("PKCS#10"),
        );
        let assignment = client.register().await.expect("assigned");
        let issued = IssuedChain::from_state(assignment.state(), client.request(), SystemTime::now()).expect("a chain");
        let key = Secret::new(key.serialize_pem().into_bytes());
        let renewed = issued.into_credential(&key).expect("they fit");
        let client = builder(&emulator, renewed, BOTH[0]).build().expect("valid");
        client.register().await.expect("the issued certificate is the device's");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn each_chain_that_is_no_good_has_its_own_error_and_the_assignment_stands() {
    let cases = [
        (None, IssuedChainError::Absent),
        (Some(Value::Null), IssuedChainError::Null),
        (Some(json!([])), IssuedChainError::Empty),
        (Some(json!({"a": 1})), IssuedChainError::NotAList),
        (Some(json!(["no base64!"])), IssuedChainError::BadEncoding(0)),
        (Some(json!(["AAAA"])), IssuedChainError::NotACertificate(0)),
        (Some(json!(vec!["AAAA"; 11])), IssuedChainError::TooMany(11)),
    ];
    for (chain, expected) in cases {
        let device = match chain {
            Some(chain) => Device::new("device-1").issued_certificate_chain(chain),
            None => Device::new("device-1").without_issued_certificate(),
        };
        let emulator = start(local_dps().polls_before_assigning(0).device(device)).await;
        for transport in BOTH {
            let csr = GeneratedRequest::new(&id()).expect("a request").request;
            let client = client(&emulator, transport, csr);
            let assignment = client.register().await.expect("assigned all the same");
            assert_eq!(assignment.device_id(), "device-1");
            let error = IssuedChain::from_state(assignment.state(), client.request(), SystemTime::now());
            assert_eq!(error.expect_err("no chain"), expected);
        }
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_certificate_is_not_used_outside_its_dates_nor_read_where_none_was_asked_for() {
    let emulator = start(local_dps()).await;
    let csr = GeneratedRequest::new(&id()).expect("a request").request;
    let client = client(&emulator, BOTH[0], csr);
    let assignment = client.register().await.expect("assigned");
    let years = Duration::from_secs(10 * 365 * 86_400);
    let at = |now| IssuedChain::from_state(assignment.state(), client.request(), now).expect_err("not valid then");
    assert_eq!(at(SystemTime::now() + years), IssuedChainError::Expired);
    assert_eq!(at(SystemTime::now() - years), IssuedChainError::NotYetValid);
    let identity = emulator.issue_device("device-1").expect("a device");
    let plain = builder(&emulator, x509(&identity), BOTH[0]).build().expect("valid");
    let error =
        IssuedChain::from_state(assignment.state(), plain.request(), SystemTime::now()).expect_err("not asked for");
    assert_eq!(error, IssuedChainError::NotAskedFor);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_request_for_another_device_is_refused_before_any_connection() {
    let emulator = local_dps().start_in_memory().expect("a local DPS");
    let identity = emulator.issue_device("device-1").expect("a device");
    let csr = GeneratedRequest::new(&"device-2".parse().expect("an id"))
        .expect("a request")
        .request;
    let refused = builder(&emulator, x509(&identity), BOTH[0])
        .with_host("localhost")
        .with_csr(csr)
        .build();
    let error = refused.expect_err("another device's");
    assert_eq!(error.input(), "certificate signing request");
    let long = GeneratedRequest::new(&"x".repeat(65).parse().expect("an id")).expect_err("too long for a common name");
    assert_eq!(long.input(), "registration id");
}

//! TLS and the certificates in it, in memory: who is let in, with which key, chain and dates.

use provisioning_emulator::{Device as Issued, DeviceIdentity, Emulator, KeyKind, Link, Port, Security, TlsVersions};
use rumqttc::{Connect, ConnectReturnCode, Login};
use rustls::{ProtocolVersion, SupportedProtocolVersion, version};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::io::AsyncReadExt;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::{
    Device, builder, connect_packet, in_memory, notes, refusals,
    tls::{BOTH, connect, connector},
    user_name,
};

async fn tls_as(
    emulator: &Emulator,
    identity: Option<&DeviceIdentity>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<Link>> {
    let stream = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    connect(&connector(emulator.ca_pem(), identity, versions), "localhost", stream).await
}

#[tokio::test(start_paused = true)]
async fn devices_with_every_kind_of_key_and_chain_register_over_both_versions_of_tls() {
    let emulator = builder()
        .polls_before_assigning(0)
        .start_in_memory()
        .expect("an emulator");
    for spec in [
        Issued::new("d"),
        Issued::new("d").key(KeyKind::P384),
        Issued::new("d").through_an_intermediate(),
        Issued::new("D").key(KeyKind::P384).through_an_intermediate(),
    ] {
        let identity = emulator.issue_device_with(&spec).expect("a certificate");
        for versions in [[&version::TLS12], [&version::TLS13]] {
            let stream = tls_as(&emulator, Some(&identity), &versions).await.expect("TLS");
            let mut device = Device::ready(stream, "d").await;
            assert_eq!(device.register("d").await.status, 200, "{spec:?} {versions:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_intermediate_is_in_the_chain_and_keys_are_pkcs_8() {
    let emulator = in_memory();
    let count = |identity: &DeviceIdentity| identity.certificate_chain_pem.matches("BEGIN CERTIFICATE").count();
    let direct = emulator.issue_device("d").expect("a certificate");
    let through = emulator
        .issue_device_with(&Issued::new("d").through_an_intermediate())
        .expect("a certificate");
    assert_eq!((count(&direct), count(&through)), (1, 2));
    assert!(direct.private_key_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_ne!(direct.private_key_pem, through.private_key_pem);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_on_the_curve_that_was_asked_for() {
    let emulator = in_memory();
    for (kind, bytes) in [(KeyKind::P256, 65), (KeyKind::P384, 97)] {
        let identity = emulator
            .issue_device_with(&Issued::new("d").key(kind))
            .expect("a certificate");
        let leaf = CertificateDer::from_pem_slice(identity.certificate_chain_pem.as_bytes()).expect("PEM");
        let (_, leaf) = X509Certificate::from_der(&leaf).expect("a certificate");
        // An uncompressed point: one byte, and two coordinates.
        assert_eq!(leaf.public_key().subject_public_key.data.len(), bytes, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_given_versions_of_tls_are_supported() {
    for (versions, expected, refused) in [
        (TlsVersions::Only12, ProtocolVersion::TLSv1_2, &version::TLS13),
        (TlsVersions::Only13, ProtocolVersion::TLSv1_3, &version::TLS12),
    ] {
        let emulator = builder().tls_versions(versions).start_in_memory().expect("an emulator");
        let identity = emulator.issue_device("d").expect("a certificate");
        let stream = tls_as(&emulator, Some(&identity), &BOTH).await.expect("TLS");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        tls_as(&emulator, Some(&identity), &[refused])
            .await
            .expect_err("the other version");
    }
}

/// TLS does not know who the device will say that it is: the refusal is CONNACK's, as the service's is.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_valid_now_or_not_ours_is_not_authorized() {
    let emulator = in_memory();
    let stranger = in_memory();
    let expired = "the certificate \"CN=d\" has expired on ";
    let early = "the certificate \"CN=d\" is not valid before ";
    let outside = "the certificate is outside every enrollment group: subject \"CN=d\", issuer ";
    for (identity, reason) in [
        (emulator.issue_device_with(&Issued::new("d").expired()), expired),
        (emulator.issue_device_with(&Issued::new("d").not_yet_valid()), early),
        (stranger.issue_device("d"), outside),
        (
            stranger.issue_device_with(&Issued::new("d").through_an_intermediate()),
            outside,
        ),
    ] {
        let identity = identity.expect("a certificate");
        for versions in [[&version::TLS12], [&version::TLS13]] {
            emulator.clear_log();
            let mut device = Device::over(tls_as(&emulator, Some(&identity), &versions).await.expect("TLS"));
            let refusal = device.connect(connect_packet("d")).await;
            assert_eq!(refusal, ConnectReturnCode::NotAuthorized, "{reason} {versions:?}");
            device.is_closed().await;
            let [refused] = &refusals(&emulator)[..] else {
                panic!("one refusal: {:?}", emulator.log())
            };
            assert!(
                refused.starts_with(&format!("not authorized: {reason}")),
                "{versions:?}: {refused}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_common_name_and_no_certificate_at_all_are_not_authorized() {
    let emulator = in_memory();
    let other = emulator.issue_device("other").expect("a certificate");
    for identity in [Some(&other), None] {
        let mut device = Device::over(tls_as(&emulator, identity, &BOTH).await.expect("TLS"));
        assert_eq!(
            device.connect(connect_packet("d")).await,
            ConnectReturnCode::NotAuthorized,
            "{}",
            identity.is_some()
        );
        device.is_closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_beside_a_certificate_is_not_authorized() {
    let emulator = in_memory();
    let identity = emulator.issue_device("d").expect("a certificate");
    let mut device = Device::over(tls_as(&emulator, Some(&identity), &BOTH).await.expect("TLS"));
    let connect = Connect {
        login: Some(Login::new(user_name("d"), "secret")),
        ..connect_packet("d")
    };
    assert_eq!(device.connect(connect).await, ConnectReturnCode::NotAuthorized);
    device.is_closed().await;
}

#[tokio::test(start_paused = true)]
async fn the_server_s_certificate_bears_localhost_the_loopback_addresses_and_the_given_names() {
    let hosts = builder().host("dps.example").host("10.1.2.3");
    let emulator = hosts.start_in_memory().expect("an emulator");
    let identity = emulator.issue_device("d").expect("a certificate");
    let connector = connector(emulator.ca_pem(), Some(&identity), &BOTH);
    let dial = |name| connect(&connector, name, emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024));
    for name in ["localhost", "127.0.0.1", "::1", "dps.example", "10.1.2.3"] {
        dial(name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    dial("other.example").await.expect_err("a name that it does not bear");
}

#[tokio::test(start_paused = true)]
async fn each_emulator_has_a_ca_of_its_own() {
    let (emulator, stranger) = (in_memory(), in_memory());
    assert_ne!(emulator.ca_pem(), stranger.ca_pem());
    let stream = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    let error = connect(&connector(stranger.ca_pem(), None, &BOTH), "localhost", stream)
        .await
        .expect_err("not trusted");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_chain_that_is_too_long_to_keep_is_refused() {
    let emulator = in_memory();
    let mut identity = emulator.issue_device("d").expect("a certificate");
    identity.certificate_chain_pem = identity.certificate_chain_pem.repeat(60);
    let connector = connector(emulator.ca_pem(), Some(&identity), &BOTH);
    let stream = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    // In TLS 1.3 the client is told after its side of the handshake.
    if let Ok(mut stream) = connect(&connector, "localhost", stream).await {
        stream.read_u8().await.expect_err("refused");
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let reasons = notes(&emulator, "tls");
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    assert!(reason.ends_with(" bytes, and 16384 are allowed"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_tls_are_refused() {
    let emulator = in_memory();
    let stream = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    let answered = crate::support::exchange(stream, b"\x20\x02\x00\x00").await;
    assert_eq!(answered.first(), Some(&0x15), "an alert");
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(notes(&emulator, "tls").len(), 1);
}

//! Each TLS alert of a server has its own message, which mentions the device's certificate only if one was presented.

use std::{collections::BTreeMap, sync::Arc};

use provisioning_net::{
    BoxedStream, Connector, ServiceUri, Target, TlsConnector, TlsVersion, WebSocketConnector, connection_error,
};
use provisioning_types::{ClientCertificate, ErrorKind, Progress, TransportError};
use rustls::{CertificateError, Error as RustlsError, OtherError};
use test_support::{
    in_memory, soon,
    tls::{BOTH_VERSIONS, Ca},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::{
    device::Device,
    server::{Server, trusting},
    verdict::rejecting,
};
use crate::support::{endpoint, words::message};

/// Words about the device's certificate, in messages and in hints.
const DEVICE_CERTIFICATE: &str = "device's certificate";

/// Every alert of RFC 8446 and its predecessors that ends a connection, and one that does not exist.
const FATAL_ALERTS: [u8; 35] = [
    10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 86, 90, 100, 109, 110, 111,
    112, 113, 114, 115, 116, 120, 121, 200,
];

/// How the device fails that the server does not accept, during the handshake or after it.
async fn rejected(acceptor: &TlsAcceptor, device: &Device) -> TransportError {
    let call = device.connect();
    let accepted = soon("the rejection", acceptor.accept(device.stream().await)).await;
    assert!(accepted.is_err(), "the device is rejected");
    let error = match call.outcome().await {
        Ok(mut stream) => connection_error(soon("the end", stream.read_u8()).await.expect_err("no byte")),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Tls);
    message(&error);
    error
}

/// The error of a device whose ClientHello is answered with this alert.
async fn alerted(alert: u8, certificate: Option<ClientCertificate>) -> TransportError {
    let device = Device::new(trusting(&Ca::root()), certificate);
    let call = device.connect();
    let mut stream = device.stream().await;
    soon("ClientHello", stream.read_u8()).await.expect("the stream works");
    let record = [0x15, 3, 3, 0, 2, 2, alert];
    stream.write_all(&record).await.expect("the stream works");
    let error = call.error().await;
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    message(&error);
    error
}

#[tokio::test(start_paused = true)]
async fn each_alert_has_its_own_message_and_none_mentions_a_certificate_that_was_not_presented() {
    let mut messages = BTreeMap::new();
    for alert in FATAL_ALERTS {
        for certificate in [None, Some(Ca::root().client_certificate())] {
            let error = alerted(alert, certificate).await;
            let shown = format!("{error}; {}", error.hint());
            assert!(!shown.contains(DEVICE_CERTIFICATE), "alert {alert}: {shown}");
            let other = messages.insert(error.to_string(), alert);
            assert!(
                other.is_none_or(|other| other == alert),
                "{other:?} and {alert}: {error}"
            );
        }
    }
    assert_eq!(messages.len(), FATAL_ALERTS.len());
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_server_does_not_accept_is_named() {
    let server = Server::new(BOTH_VERSIONS[0]);
    let device = Device::new(server.trust().with_min_version(TlsVersion::V1_3), None);
    let error = rejected(&server.acceptor, &device).await;
    assert_eq!(
        error.to_string(),
        "the server does not accept the TLS versions that this device offers (TLS alert 70)"
    );
    assert!(!error.hint().contains(DEVICE_CERTIFICATE), "{}", error.hint());
}

#[tokio::test(start_paused = true)]
async fn each_rejection_of_the_presented_certificate_has_its_own_message_and_hint() {
    let ca = Ca::root();
    for version in BOTH_VERSIONS {
        for (reason, words, hint) in [
            (CertificateError::BadEncoding, "is malformed", "chain"),
            (CertificateError::Expired, "has expired or is not valid yet", "renew"),
            (CertificateError::Revoked, "is revoked", "new certificate"),
            (
                CertificateError::UnknownIssuer,
                "the CA that signed",
                "chain is complete",
            ),
            (CertificateError::InvalidPurpose, "of a type that", "P-256"),
            (
                CertificateError::ApplicationVerificationFailure,
                "denies access",
                "is enrolled",
            ),
            (
                CertificateError::Other(OtherError(Arc::new(std::fmt::Error))),
                "does not accept",
                "is enrolled",
            ),
            (CertificateError::BadSignature, "a signature", "private key"),
        ] {
            let device = Device::new(trusting(&ca), ca.client_certificate());
            let error = rejected(&rejecting(&ca, reason.clone(), version), &device).await;
            let message = error.to_string();
            assert!(
                message.contains(words) && message.contains(DEVICE_CERTIFICATE),
                "{version:?} {reason:?}: {message}"
            );
            assert!(error.hint().contains(hint), "{reason:?}: {}", error.hint());
        }
    }
}

/// Under TLS 1.3 the alert arrives after the device's side of the handshake is complete.
#[tokio::test(start_paused = true)]
async fn a_server_that_requires_a_certificate_says_so_to_a_device_without_one() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let error = rejected(&server.acceptor, &Device::new(server.trust(), None)).await;
        let message = error.to_string();
        assert!(
            message.contains("requires a client certificate"),
            "{version:?}: {message}"
        );
        assert!(!message.contains(DEVICE_CERTIFICATE), "{message}");
        assert!(error.hint().contains("X.509"), "{}", error.hint());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_after_the_handshake_means_the_same_in_a_websocket() {
    let server = Server::new(BOTH_VERSIONS[1]);
    let (inner, incoming) = in_memory();
    let connector = WebSocketConnector::new(TlsConnector::over(inner, server.trust()));
    let uri = ServiceUri::new(connector.scheme(), endpoint());
    let stranger = Ca::root().client_certificate();
    for (certificate, words) in [
        (Some(&stranger), DEVICE_CERTIFICATE),
        (None, "requires a client certificate"),
    ] {
        let target = Target::new(&uri).with_certificate(certificate);
        let accepting = async { server.acceptor.accept(incoming.next().await).await.err() };
        let connecting = connector.connect(&target, Progress::ignored());
        let (outcome, _) = soon("both ends", async { tokio::join!(connecting, accepting) }).await;
        let error = outcome.err().expect("the device is rejected");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_breaks_tls_after_the_handshake_does_not_reject_the_certificate() {
    let server = Server::new(BOTH_VERSIONS[1]);
    let device = server.device();
    let call = device.connect();
    let mut accepted = server.accept(&device).await;
    let mut stream: BoxedStream = call.success().await;
    let garbage = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let below = accepted.get_mut().0;
    below.write_all(garbage).await.expect("the stream works");
    let error = connection_error(soon("the end", stream.read_u8()).await.expect_err("no byte"));
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(!error.to_string().contains("certificate"), "{error}");
}

/// Such as a caller's own connector reports them: without the knowledge of what was presented.
#[test]
fn an_alert_on_the_stream_of_another_connector_is_explained_too() {
    let alert = RustlsError::AlertReceived(rustls::AlertDescription::CertificateExpired);
    let error = connection_error(std::io::Error::new(std::io::ErrorKind::InvalidData, alert));
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.to_string().contains("has expired"), "{error}");
}

//! A server's verdict on the devices' certificates.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as RustlsError, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
    client::danger::HandshakeSignatureValid,
    crypto::ring,
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use test_support::tls::Ca;
use tokio_rustls::TlsAcceptor;

use crate::support::HOST;

/// A server of `ca` that accepts every device which signs with this public key, given as its bits.
pub(super) fn accepting(ca: &Ca, key: Vec<u8>, version: &'static SupportedProtocolVersion) -> TlsAcceptor {
    judging(ca, Verdict { verdict: Ok(()), key }, version)
}

/// A server of `ca` that rejects every device for this reason.
pub(super) fn rejecting(ca: &Ca, reason: CertificateError, version: &'static SupportedProtocolVersion) -> TlsAcceptor {
    let (verdict, key) = (Err(reason), vec![]);
    judging(ca, Verdict { verdict, key }, version)
}

fn judging(ca: &Ca, verdict: Verdict, version: &'static SupportedProtocolVersion) -> TlsAcceptor {
    let (certificate, key) = ca.server(HOST, |_| {});
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_client_cert_verifier(Arc::new(verdict))
        .with_single_cert(vec![certificate.into()], key.into());
    Arc::new(config.expect("a certificate that fits its key")).into()
}

/// Gives every client certificate the same verdict, without reading it.
#[derive(Debug)]
struct Verdict {
    verdict: Result<(), CertificateError>,
    /// The bits of the public key that signs the handshake of a device that is accepted.
    key: Vec<u8>,
}

impl Verdict {
    fn verify(
        &self,
        message: &[u8],
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = ring::default_provider().signature_verification_algorithms.mapping;
        let (_, algorithms) = algorithms
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .expect("an offered scheme");
        let is_valid = algorithms.iter().any(|algorithm| {
            algorithm
                .verify_signature(&self.key, message, signature.signature())
                .is_ok()
        });
        assert!(is_valid, "the device's key signs");
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ClientCertVerifier for Verdict {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, RustlsError> {
        self.verdict.clone()?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.verify(message, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.verify(message, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

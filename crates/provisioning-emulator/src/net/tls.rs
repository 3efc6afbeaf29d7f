//! The server's side of TLS: client certificates are requested, and the clients must have their keys.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, OtherError, ServerConfig,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use super::{
    foreign::{Detection, Foreign},
    graceful_close::{close, read_on},
    peer::{Peer, describe},
    rewind::Rewind,
    stream_error::{Sentence, explain_handshake},
};
use crate::{error::EmulatorError, identity::ServerIdentity};

/// The versions of TLS that the emulator supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only: what the live service supports today.
    Only12,
    /// 1.3 only.
    Only13,
}

/// The longest certificate chain of a client, in bytes: it is kept as long as the connection, whether the device is accepted
/// or not.
const MAX_CHAIN: usize = 16 * 1024;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn acceptor(server: ServerIdentity, versions: TlsVersions) -> Result<TlsAcceptor, EmulatorError> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = match versions {
        TlsVersions::Both => &[&TLS12, &TLS13],
        TlsVersions::Only12 => &[&TLS12],
        TlsVersions::Only13 => &[&TLS13],
    };
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .and_then(|builder| {
            builder
                .with_client_cert_verifier(Arc::new(HolderOfKey(provider)))
                .with_single_cert(server.chain, server.key)
        })
        .map_err(EmulatorError::tls)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Why there is no TLS.
pub(super) enum NoTls {
    /// The peer ended the connection before it sent anything, as programs do that wait for a port.
    Silent,
    /// Why the handshake failed.
    Failed(String),
}

/// Performs the server's handshake. Returns the stream and the peer.
pub(super) async fn accept<S>(stream: S, acceptor: &TlsAcceptor) -> Result<(TlsStream<Rewind<S>>, Peer), NoTls>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(HANDSHAKE_TIMEOUT, handshake(stream, acceptor)).await {
        Ok(Ok(stream)) => {
            let peer = match stream.get_ref().1.peer_certificates() {
                Some(chain) => Peer::Certificate {
                    common_name: chain.first().and_then(common_name),
                    chain: chain.iter().map(|it| it.clone().into_owned()).collect(),
                },
                None => Peer::Anonymous,
            };
            Ok((stream, peer))
        }
        Ok(Err((error, mut stream, last_bytes))) => {
            match last_bytes {
                Some(last_bytes) => close(&mut stream, &last_bytes).await,
                None => read_on(&mut stream).await,
            }
            Err(error)
        }
        Err(_) => Err(NoTls::Failed(format!(
            "the TLS handshake was not complete within {} s",
            HANDSHAKE_TIMEOUT.as_secs()
        ))),
    }
}

/// Performs the handshake, unless the client sends HTTP, MQTT or AMQP without TLS. An error has the stream, and the
/// last bytes for the client unless the handshake has sent an alert.
async fn handshake<S>(
    mut stream: S,
    acceptor: &TlsAcceptor,
) -> Result<TlsStream<Rewind<S>>, (NoTls, Rewind<S>, Option<Vec<u8>>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut start = BytesMut::new();
    let detected = loop {
        match stream.read_buf(&mut start).await {
            Ok(0) | Err(_) if start.is_empty() => {
                return Err((NoTls::Silent, Rewind { start, inner: stream }, None));
            }
            Ok(0) => break Detection::Other,
            Ok(_) => {}
            Err(error) => {
                let failed = NoTls::Failed(explain_handshake(&error));
                return Err((failed, Rewind { start, inner: stream }, None));
            }
        }
        match Foreign::detect(&start) {
            Detection::Undecided => {}
            decided => break decided,
        }
    };
    let stream = Rewind { start, inner: stream };
    if let Detection::Foreign(foreign) = detected {
        let error = NoTls::Failed(format!(
            "the first bytes are {foreign}, without TLS: this port has TLS only"
        ));
        let answer = foreign.answer("This port of the emulator has TLS only. Use https, wss or mqtts.");
        return Err((error, stream, Some(answer)));
    }
    let handshake = Box::pin(acceptor.accept(stream).into_fallible());
    handshake
        .await
        .map_err(|(error, stream)| (NoTls::Failed(explain_handshake(&error)), stream, None))
}

/// Accepts every certificate whose key the client has, and clients without a certificate. The issuer and the validity
/// are checked at CONNECT, as the service does: the registration id is not known before.
#[derive(Debug)]
struct HolderOfKey(Arc<CryptoProvider>);

impl ClientCertVerifier for HolderOfKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        check_size(certificate, intermediates)?;
        check_version(certificate)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Names a version 1 certificate, with which no handshake can be completed: its signature is not verified.
fn check_version(certificate: &CertificateDer<'_>) -> Result<(), TlsError> {
    let parsed = X509Certificate::from_der(certificate);
    let version = parsed.map_or(X509Version::V3, |(_, parsed)| parsed.version());
    if version == X509Version::V3 {
        return Ok(());
    }
    Err(unacceptable(format!(
        "the client certificate is an X.509 version {} certificate, and version 3 is required ({})",
        version.0 + 1,
        describe(certificate)
    )))
}

fn check_size(certificate: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<(), TlsError> {
    let intermediate: usize = intermediates.iter().map(|it| it.len()).sum();
    let size = certificate.len() + intermediate;
    if size <= MAX_CHAIN {
        return Ok(());
    }
    Err(unacceptable(format!(
        "the client's certificate chain has {size} bytes, and {MAX_CHAIN} are allowed"
    )))
}

/// The error that refuses a client certificate for this reason.
fn unacceptable(reason: String) -> TlsError {
    let other = OtherError(Arc::new(Sentence(reason)));
    TlsError::InvalidCertificate(CertificateError::Other(other))
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

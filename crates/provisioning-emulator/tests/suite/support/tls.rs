//! The device's side of TLS, with certificates and keys from PEM.

use std::sync::Arc;

use provisioning_emulator::{DeviceIdentity, Emulator};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto::ring, version};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// A certificate chain and its key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(crate) fn identity(chain_pem: &str, key_pem: &str) -> Identity {
    let chain = CertificateDer::pem_slice_iter(chain_pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    (
        chain.expect("a chain"),
        PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("a key"),
    )
}

/// A device's TLS that trusts only this CA, with a client certificate if there is one.
pub(crate) fn connector(
    ca_pem: &str,
    device: Option<&DeviceIdentity>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let device = device.map(|device| identity(&device.certificate_chain_pem, &device.private_key_pem));
    connector_as(ca_pem, device, versions)
}

/// As [`connector`], with an identity from files or from a call.
pub(crate) fn connector_with(ca_pem: &str, identity: Identity) -> TlsConnector {
    connector_as(ca_pem, Some(identity), &BOTH)
}

/// TLS without a client certificate.
#[cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "only the tests of the command use it")
)]
pub(crate) fn anonymous(ca_pem: &str) -> TlsConnector {
    connector_as(ca_pem, None, &BOTH)
}

fn connector_as(
    ca_pem: &str,
    identity: Option<Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("a CA"))
        .expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions that the provider has")
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some((chain, key)) => config
            .with_client_auth_cert(chain, key)
            .expect("a key that fits its certificate"),
    };
    TlsConnector::from(Arc::new(config))
}

pub(crate) async fn connect<S>(connector: &TlsConnector, name: &str, stream: S) -> std::io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    connector
        .connect(ServerName::try_from(name.to_owned()).expect("a name"), stream)
        .await
}

/// TLS over TCP to the port on `localhost`, as a device with this identity.
pub(crate) async fn dial(emulator: &Emulator, port: u16, identity: &DeviceIdentity) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("a listener");
    connect(&connector(emulator.ca_pem(), Some(identity), &BOTH), "localhost", tcp)
        .await
        .expect("TLS")
}

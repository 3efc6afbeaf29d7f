//! TLS to the service, set up once and used for every connection.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::Result;

/// One CA, and the certificate of the device if it has one.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a TLS connector has none")]
pub struct Tls(TlsConnector);

impl Tls {
    /// Reads PEM. The TLS versions are those of the client, and as with the client each handshake is a full one.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn new(ca: &[u8], device: Option<(&[u8], &[u8])>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca)?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match device {
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain).collect::<std::result::Result<_, _>>()?;
                config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key)?)?
            }
            None => config.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Connects to `host:port`.
    ///
    /// # Errors
    /// The connection or the handshake fails.
    pub async fn connect(&self, host: &str) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (name, _) = host.rsplit_once(':').ok_or("the host has no port")?;
        let name = ServerName::try_from(name.to_owned())?;
        Ok(self.0.connect(name, stream).await?)
    }
}

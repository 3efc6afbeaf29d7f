//! The emulator as its clients see it: ports, id scope, keys, and connections to each port.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Result, sas::Key};

/// What the ready file and the folder of an emulator say.
pub(super) struct Service {
    pub(super) mqtt_port: u16,
    pub(super) websocket_port: u16,
    pub(super) control_port: u16,
    pub(super) page_port: u16,
    pub(super) id_scope: String,
    /// Of the built-in enrollment group.
    pub(super) group_key: Key,
    pub(super) control_key: Key,
    tls: TlsConnector,
}

impl Service {
    pub(super) fn read(ready: &Value, folder: &Path) -> Result<Self> {
        let port = |name: &str| -> Result<u16> {
            let port = ready[name]
                .as_u64()
                .ok_or_else(|| format!("the ready file has no {name}"))?;
            Ok(port.try_into()?)
        };
        let connection_string = ready["connectionString"].as_str().unwrap_or_default();
        let mut fields = connection_string.split(';');
        let control_key = fields.find_map(|field| field.strip_prefix("SharedAccessKey="));
        Ok(Self {
            mqtt_port: port("mqttPort")?,
            websocket_port: port("wsPort")?,
            control_port: port("controlPort")?,
            page_port: port("pagePort")?,
            id_scope: ready["idScope"].as_str().unwrap_or_default().to_owned(),
            group_key: Key::from_base64(&fs::read_to_string(folder.join("group.key"))?)?,
            control_key: Key::from_base64(control_key.ok_or("the ready file has no SharedAccessKey")?)?,
            tls: connector(&folder.join("ca.pem"))?,
        })
    }

    pub(super) async fn tcp(&self, port: u16) -> Result<TcpStream> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub(super) async fn tls(&self, port: u16) -> Result<TlsStream<TcpStream>> {
        self.tls_over(self.tcp(port).await?).await
    }

    pub(super) async fn tls_over(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>> {
        Ok(self.tls.connect(ServerName::try_from("localhost")?, stream).await?)
    }
}

fn connector(ca: &Path) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // As devices do: every connection has a full handshake.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

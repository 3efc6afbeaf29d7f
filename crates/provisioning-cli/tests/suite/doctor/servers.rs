//! Servers that the doctor meets: web servers, silent ones, a middlebox, closed ports.

use std::{future::pending, net::SocketAddr, sync::Arc};

use provisioning_emulator::Emulator;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use test_support::{
    Files as Folder, listen, serve,
    tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor, new_key},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject},
    },
};

/// The name that the server's certificate must bear: the service's own.
pub(super) const SERVICE: &str = "global.azure-devices-provisioning.net";

/// A web server over TLS, of this CA, that gives this answer.
pub(super) async fn web_server(ca: &Ca, answer: String) -> (SocketAddr, JoinSet<()>) {
    let tls = acceptor(ca.server("localhost", |_| {}), ClientCertificates::None, &BOTH_VERSIONS);
    serve("127.0.0.1", move |stream| {
        let (tls, answer) = (tls.clone(), answer.clone());
        async move {
            let mut stream = tls.accept(stream).await.expect("TLS");
            // A client that leaves early has seen enough.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await
}

/// A TLS server that does nothing after the handshake.
pub(super) async fn silent_tls(tls: TlsAcceptor) -> (SocketAddr, JoinSet<()>) {
    serve("127.0.0.1", move |stream| {
        let tls = tls.clone();
        async move {
            // A device that does not accept the server leaves.
            if let Ok(_stream) = tls.accept(stream).await {
                pending::<()>().await;
            }
        }
    })
    .await
}

/// A silent TLS server with the service's name, whose certificate is signed by a root with the name of one of the service's
/// roots. Returns the root, PEM.
pub(super) async fn below_a_root_of_the_service() -> (SocketAddr, JoinSet<()>, String) {
    let mut params = CertificateParams::default();
    let name = "DigiCert Global Root G2";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, new_key()).expect("a certificate");
    let (server, key) = (CertificateParams::new([SERVICE.to_owned()]).expect("a name"), new_key());
    let server = server.signed_by(&key, &root).expect("a certificate");
    let tls = acceptor((server, key), ClientCertificates::None, &BOTH_VERSIONS);
    let (address, tasks) = silent_tls(tls).await;
    (address, tasks, root.as_ref().pem())
}

/// The words for a service of `ca` at this address, and a device with this certificate and key.
pub(super) fn own_service(
    folder: &Folder,
    address: SocketAddr,
    ca: &Ca,
    certificate: &str,
    key: &KeyPair,
) -> [String; 10] {
    let port = address.port();
    [
        "--host".to_owned(),
        format!("localhost:{port}"),
        "--websocket-port".to_owned(),
        port.to_string(),
        "--ca".to_owned(),
        folder.write("ca.pem", ca.certificate().pem()),
        "--cert".to_owned(),
        folder.write("device.pem", certificate),
        "--key".to_owned(),
        folder.write("device.key", key.serialize_pem()),
    ]
}

/// A port that nothing listens on.
pub(super) async fn closed_port() -> String {
    let (_, address) = listen::<SocketAddr>().await;
    address.port().to_string()
}

/// A middlebox that inspects TLS: it presents a certificate of its own CA, and connects to the service without the device's.
pub(super) async fn middlebox(ca: &Ca, emulator: &Emulator) -> (SocketAddr, JoinSet<()>) {
    let to_device = acceptor(ca.server(SERVICE, |_| {}), ClientCertificates::None, &BOTH_VERSIONS);
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(emulator.ca_pem().as_bytes()).expect("a certificate");
    roots.add(root).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (to_service, port) = (TlsConnector::from(Arc::new(config)), emulator.mqtt_port());
    serve("127.0.0.1", move |stream| {
        let (to_device, to_service) = (to_device.clone(), to_service.clone());
        async move {
            let Ok(mut device) = to_device.accept(stream).await else {
                // The device does not trust the middlebox.
                return;
            };
            let service = TcpStream::connect(("127.0.0.1", port)).await.expect("a service");
            let name = "localhost".try_into().expect("a name");
            let mut service = to_service.connect(name, service).await.expect("TLS");
            // How the connection ends does not matter.
            let _ = copy_bidirectional(&mut device, &mut service).await;
        }
    })
    .await
}

/// A service that takes devices of its CA only, and answers one CONNECT or ends the connection.
pub(super) async fn service(ca: &Ca, answers: bool) -> (SocketAddr, JoinSet<()>) {
    let acceptor = acceptor(
        ca.server("localhost", |_| {}),
        ClientCertificates::Required(ca.certificate().der()),
        &BOTH_VERSIONS,
    );
    serve("127.0.0.1", move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A device without a certificate is rejected.
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, answers).await;
            }
        }
    })
    .await
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: bool) {
    let mut connect = [0; 2048];
    let read = stream.read_exact(&mut connect).await;
    assert_eq!((read.expect("as much as a registration"), connect[0]), (2048, 0x10));
    assert_eq!(
        &connect[3..10],
        b"\0\x04MQTT\x7f",
        "no version of MQTT, so nothing is registered"
    );
    if answers {
        stream.write_all(b"\x20\x02\x00\x01").await.expect("a device");
        stream.shutdown().await.expect("a device");
    }
}

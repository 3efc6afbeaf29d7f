//! A broker as an IoT hub is one: TLS with or without a client certificate, and MQTT. It takes everybody, and remembers
//! who came with what; whether that was right is the test's to say.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use rcgen::CertifiedKey;
use rumqttc::{Codec, ConnAck, ConnectReturnCode, Packet, PubAck};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

/// One visit to the broker.
#[derive(Debug, Default, Clone)]
pub(crate) struct Visit {
    pub(crate) has_certificate: bool,
    pub(crate) client_id: String,
    pub(crate) user_name: String,
    pub(crate) password: String,
    pub(crate) published: Vec<(String, String)>,
}

pub(crate) struct Broker {
    pub(crate) port: u16,
    pub(crate) ca_pem: String,
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<()>,
}

impl Broker {
    /// Listens as `localhost`.
    pub(crate) async fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let provider = Arc::new(ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(Arc::new(Anybody(ring::default_provider())))
            .with_single_cert(vec![cert.der().clone()], key.into())
            .expect("a key that fits");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("localhost:0").await.expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let visits = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&seen)));
            }
        });
        Self {
            port,
            ca_pem: cert.pem(),
            visits,
            task,
        }
    }

    /// The visits that have ended.
    pub(crate) fn visits(&self) -> Vec<Visit> {
        self.visits.lock().expect("not poisoned").clone()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, visits: Arc<Mutex<Vec<Visit>>>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut visit = Visit {
        has_certificate: stream.get_ref().1.peer_certificates().is_some(),
        ..Visit::default()
    };
    let codec = Codec {
        max_incoming_size: 65_536,
        max_outgoing_size: 65_536,
    };
    let mut packets = Framed::new(stream, codec);
    while let Some(Ok(packet)) = packets.next().await {
        let answer = match packet {
            Packet::Connect(connect) => {
                let login = connect.login.map(|login| (login.username, login.password));
                visit.client_id = connect.client_id;
                (visit.user_name, visit.password) = login.unwrap_or_default();
                Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))
            }
            Packet::Publish(publish) => {
                let payload = String::from_utf8_lossy(&publish.payload).into_owned();
                visit.published.push((publish.topic, payload));
                Packet::PubAck(PubAck::new(publish.pkid))
            }
            Packet::PingReq => Packet::PingResp,
            _ => break,
        };
        if packets.send(answer).await.is_err() {
            break;
        }
    }
    visits.lock().expect("not poisoned").push(visit);
}

/// Takes every certificate whose key the device proves to have, or none.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
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
    ) -> Result<HandshakeSignatureValid, Error> {
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

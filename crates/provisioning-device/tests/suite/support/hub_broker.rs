//! An MQTT broker in place of an IoT hub. It accepts every device, with a certificate of one CA or without a certificate,
//! and records what the device presented.

use futures_util::{SinkExt, StreamExt};
use rumqttc::{Codec, ConnAck, ConnectReturnCode, Login, Packet, PubAck};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use test_support::{
    serve,
    tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor},
};
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

/// One connection of a device.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    pub(crate) has_certificate: bool,
    pub(crate) client_id: String,
    pub(crate) login: Option<Login>,
    pub(crate) published: Vec<(String, Vec<u8>)>,
}

/// A broker that runs until it is dropped.
pub(crate) struct Broker {
    pub(crate) port: u16,
    pub(crate) ca_pem: String,
    /// The connections that have ended.
    pub(crate) visits: UnboundedReceiver<Visit>,
    _tasks: JoinSet<()>,
}

impl Broker {
    /// Listens as `localhost`. When a device connects, the file must have the CA of the devices' certificates.
    pub(crate) async fn start(device_ca_file: &str) -> Self {
        let (ca, device_ca_file) = (Ca::root(), device_ca_file.to_owned());
        let ca_pem = ca.certificate().pem();
        let (ended, visits) = unbounded_channel();
        let (address, tasks) = serve("localhost", move |stream| {
            let device_ca = CertificateDer::from_pem_file(&device_ca_file).expect("a certificate");
            let clients = ClientCertificates::Optional(&device_ca);
            let acceptor = acceptor(ca.server("localhost", |_| {}), clients, &BOTH_VERSIONS);
            let ended = ended.clone();
            // The test may have dropped the receiver.
            async move { drop(visit(stream, acceptor).await.map(|visit| ended.send(visit))) }
        })
        .await;
        Self {
            port: address.port(),
            ca_pem,
            visits,
            _tasks: tasks,
        }
    }
}

async fn visit(stream: TcpStream, acceptor: TlsAcceptor) -> Option<Visit> {
    let stream = acceptor.accept(stream).await.ok()?;
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
                (visit.client_id, visit.login) = (connect.client_id, connect.login);
                Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))
            }
            Packet::Publish(publish) => {
                visit.published.push((publish.topic, publish.payload.to_vec()));
                Packet::PubAck(PubAck::new(publish.pkid))
            }
            _ => break,
        };
        if packets.send(answer).await.is_err() {
            break;
        }
    }
    Some(visit)
}

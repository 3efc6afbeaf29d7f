//! An MQTT broker in the place of an IoT hub. It accepts every device, with or without a certificate, and records what
//! the device presented; the test judges it.

use futures_util::{SinkExt, StreamExt};
use rumqttc::{Codec, ConnAck, ConnectReturnCode, Packet, PubAck};
use test_support::{
    serve, soon,
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
#[derive(Debug, Default, Clone)]
pub(crate) struct Visit {
    pub(crate) has_certificate: bool,
    pub(crate) client_id: String,
    pub(crate) user_name: String,
    pub(crate) password: String,
    pub(crate) published: Vec<(String, String)>,
}

/// A broker that runs until it is dropped.
pub(crate) struct Broker {
    pub(crate) port: u16,
    pub(crate) ca_pem: String,
    visits: UnboundedReceiver<Visit>,
    _tasks: JoinSet<()>,
}

impl Broker {
    /// Listens as `localhost`.
    pub(crate) async fn start() -> Self {
        let ca = Ca::root();
        let acceptor = acceptor(ca.server("localhost", |_| {}), ClientCertificates::Any, &BOTH_VERSIONS);
        let (ended, visits) = unbounded_channel();
        let (address, tasks) = serve("localhost", move |stream| {
            let (acceptor, ended) = (acceptor.clone(), ended.clone());
            // A test may not look at every visit.
            async move { drop(visit(stream, acceptor).await.map(|visit| ended.send(visit))) }
        })
        .await;
        Self {
            port: address.port(),
            ca_pem: ca.certificate().pem(),
            visits,
            _tasks: tasks,
        }
    }

    /// The next connection, once it has ended.
    pub(crate) async fn visit(&mut self) -> Visit {
        soon("a visit", self.visits.recv()).await.expect("the broker runs")
    }

    pub(crate) fn has_no_further_visit(&self) -> bool {
        self.visits.is_empty()
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
    Some(visit)
}

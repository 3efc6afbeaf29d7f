//! The transport keeps the contract of `PollingTransport`, over streams in memory.

use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use provisioning_mqtt::{MqttOptions, Pipelining};
use provisioning_types::{
    ApiVersion, Host, IdScope, PollingTransport, RegistrationId, Request,
    conformance::{self, Connection, Presented, Received, Reply, Service, TransportHarness},
};
use rumqttc::{ConnAck, ConnectReturnCode, Packet};
use test_support::{Incoming, in_memory};
use tokio::time::sleep;

use crate::support::{
    device::transport,
    peer::{Peer, answer_topic},
};

#[tokio::test(start_paused = true)]
async fn the_transport_keeps_the_contract() {
    for pipelining in Pipelining::ALL {
        conformance::all(&InMemory(pipelining)).await;
    }
}

struct InMemory(Pipelining);

#[async_trait]
impl TransportHarness for InMemory {
    fn start(&self) -> (Box<dyn PollingTransport>, Box<dyn Service>) {
        let (connector, incoming) = in_memory();
        let transport = transport(connector, MqttOptions::default().with_pipelining(self.0));
        (Box::new(transport), Box::new(Dps(incoming)))
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}

struct Dps(Incoming);

#[async_trait]
impl Service for Dps {
    async fn connection(&mut self) -> Box<dyn Connection> {
        let (uri, stream) = self.0.next_with_uri().await;
        Box::new(PeerAt(uri.host().clone(), Peer::new(stream)))
    }
}

/// The service's end of a connection, and the host that the device connects to.
struct PeerAt(Host, Peer);

#[async_trait]
impl Connection for PeerAt {
    async fn accept_in_part(&mut self) {
        let Self(_, peer) = self;
        peer.accept().await;
        peer.subscription().await;
    }

    async fn accept(&mut self) -> Presented {
        let Self(host, peer) = self;
        let connect = peer.welcome().await;
        let user_name = connect.login.expect("a user name").username;
        let (ids, query) = user_name.split_once("/api-version=").expect("an api-version");
        let (id_scope, registration_id) = ids.split_once("/registrations/").expect("two ids");
        let (api_version, _) = query.split_once("&ClientVersion=").expect("a user agent");
        assert_eq!(connect.client_id, registration_id);
        Presented {
            host: host.clone(),
            id_scope: IdScope::new(id_scope).expect("an id scope"),
            registration_id: RegistrationId::new(registration_id).expect("a registration id"),
            api_version: ApiVersion::new(api_version).expect("an api-version"),
        }
    }

    async fn refuse(&mut self) {
        let Self(_, peer) = self;
        assert!(matches!(peer.packet().await, Packet::Connect(_)));
        let refusal = ConnAck::new(ConnectReturnCode::NotAuthorized, false);
        peer.send(Packet::ConnAck(refusal)).await;
    }

    async fn request(&mut self) -> Received {
        let Self(_, peer) = self;
        let request = peer.request().await;
        peer.acknowledge(&request).await;
        let operation_id = request.topic.split_once("&operationId=").map(|(_, id)| id);
        Received {
            request: match operation_id {
                None => Request::Register,
                Some(id) => Request::Query {
                    operation_id: percent_decode_str(id).decode_utf8().expect("text").into_owned(),
                },
            },
            id: request.id,
            body: request.body,
        }
    }

    async fn respond(&mut self, request: &Received, reply: &Reply) {
        let mut status = reply.status.to_string();
        if let Some(wait) = reply.retry_after {
            status += &format!("&retry-after={}", wait.as_secs());
        }
        let topic = answer_topic(&status, &request.id);
        self.1.publish(&topic, &*reply.body).await;
    }

    async fn closed(&mut self) {
        self.1.gone().await;
    }
}

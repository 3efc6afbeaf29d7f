//! What a request waits for is reported at each step, with the address that the connection goes to.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::{BoxedStream, Connector, Target};
use provisioning_types::{ConnectionEvent, PollingTransport, Progress, Request, TransportError, WaitStep, Waiting};
use test_support::{Waits, in_memory, settle};
use tokio::{
    io::duplex,
    sync::mpsc::{UnboundedSender, unbounded_channel},
};

use crate::support::{
    bodies::ASSIGNING,
    device::{endpoint, request},
    identity::any_identity,
    peer::Peer,
};

fn at(step: WaitStep, peer: &str) -> [Waiting; 1] {
    [Waiting::new(step, peer)]
}

#[tokio::test(start_paused = true)]
async fn connack_suback_the_delivery_and_the_response_are_reported_when_they_are_awaited() {
    let (connector, incoming) = in_memory();
    let transport = MqttTransport::new(connector, endpoint(), any_identity(), MqttOptions::default());
    let (waits, peer) = (Waits::default(), "service.test:8883");
    let noted = waits.clone();
    let requests = tokio::spawn(async move {
        for _ in 0..2 {
            let listener = |event| noted.note(event);
            let sending = transport
                .send(&request(), &Request::Register, Progress::new(&listener))
                .await;
            sending.expect("an answer");
        }
    });
    let mut service = Peer::new(incoming.next().await);
    settle().await;
    assert_eq!(waits.new_ones(), at(WaitStep::Connack, peer));
    service.accept().await;
    settle().await;
    assert_eq!(waits.new_ones(), at(WaitStep::Suback, peer));
    let subscribe = service.subscription().await;
    service.grant(&subscribe).await;
    // The second request, on the same connection, reports the same.
    for _ in 0..2 {
        let request = service.request().await;
        assert_eq!(waits.new_ones(), at(WaitStep::Delivery, peer));
        service.acknowledge(&request).await;
        settle().await;
        assert_eq!(waits.new_ones(), at(WaitStep::Response, peer));
        service.answer(&request, "202", ASSIGNING).await;
    }
    requests.await.expect("no panic");
}

/// A connector that goes elsewhere than the target says, as a fallback does.
struct Elsewhere(UnboundedSender<Peer>);

#[async_trait]
impl Connector for Elsewhere {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        let uri = "wss://other.test/$iothub/websocket".to_owned();
        progress.report(ConnectionEvent::Connecting { uri });
        let (device, service) = duplex(64 * 1024);
        self.0
            .send(Peer::new(service))
            .map_err(|_| ())
            .expect("the test goes on");
        Ok(Box::new(device))
    }
}

#[tokio::test(start_paused = true)]
async fn the_peer_is_where_the_last_connection_goes_to() {
    let (peers, mut incoming) = unbounded_channel();
    let transport = MqttTransport::new(Elsewhere(peers), endpoint(), any_identity(), MqttOptions::default());
    let waits = Waits::default();
    let noted = waits.clone();
    let sending = tokio::spawn(async move {
        let listener = |event| noted.note(event);
        transport
            .send(&request(), &Request::Register, Progress::new(&listener))
            .await
    });
    let mut service = incoming.recv().await.expect("a connection");
    service.welcome().await;
    service.request().await;
    let peers: Vec<_> = waits.new_ones().into_iter().map(|waiting| waiting.peer).collect();
    assert_eq!(peers, ["other.test:443"; 3].map(Arc::from));
    sending.abort();
}

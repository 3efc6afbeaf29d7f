//! A connection that is cancelled while CONNACK is on its way: the service handles its CONNECT before the next one.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use futures_util::poll;
use provisioning_mqtt::{MqttConnector, MqttOverStream, SessionEvents};
use provisioning_net::{BoxedStream, Connector, Scheme, Target};
use provisioning_types::{ErrorKind, Progress, TransportError};
use rumqttc::Packet;
use test_support::{in_memory, settle};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::support::{
    bodies::ASSIGNING,
    device::{Device, request},
    mocks::given_for,
    peer::{Peer, accepted},
};

/// The service's end of a connection that was cancelled after CONNECT.
async fn abandoned(device: &Device) -> Peer {
    let first = device.register();
    let mut peer = device.peer().await;
    assert!(matches!(peer.packet().await, Packet::Connect(_)));
    device.cancel().await;
    first.error().await;
    peer
}

#[tokio::test(start_paused = true)]
async fn the_next_connect_waits_until_the_abandoned_one_was_answered_and_left() {
    let device = Device::new();
    let mut abandoned = abandoned(&device).await;
    let second = device.register();
    let mut next = device.peer().await;
    settle().await;
    assert!(
        timeout(Duration::ZERO, next.packet()).await.is_err(),
        "it waits for its turn"
    );
    abandoned.send(accepted()).await;
    abandoned.disconnected().await;
    next.welcome().await;
    let request = next.request().await;
    next.answer(&request, "202", ASSIGNING).await;
    second.success().await;
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_connect_that_is_not_answered_delays_the_next_by_a_second_at_most() {
    let device = Device::new();
    let mut abandoned = abandoned(&device).await;
    let begun = Instant::now();
    let second = device.register();
    let mut next = device.peer().await;
    next.welcome().await;
    assert!(begun.elapsed() <= Duration::from_millis(1_010), "{:?}", begun.elapsed());
    abandoned.closed().await;
    let request = next.request().await;
    next.answer(&request, "202", ASSIGNING).await;
    second.success().await;
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_was_not_sent_as_a_whole_is_not_completed() {
    let device = Device::narrow(10);
    let first = device.register();
    let mut abandoned = device.peer().await;
    settle().await;
    device.cancel().await;
    first.error().await;
    let begun = Instant::now();
    let second = device.register();
    assert_eq!(abandoned.rest().await.len(), 10);
    let mut next = device.peer().await;
    next.welcome().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(second);
}

/// Makes the first connection only once it is told to.
struct LateFirst<C> {
    connector: C,
    first: Mutex<Option<oneshot::Receiver<()>>>,
}

#[async_trait]
impl<C: Connector> Connector for LateFirst<C> {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let first = self.first.lock().expect("no panic").take();
        if let Some(first) = first {
            first.await.expect("it is told to");
        }
        self.connector.connect(target, progress).await
    }
}

/// Begins two connections of one device, of which the service reads the CONNECT of the second only. Returns what comes of
/// the first, and what it sent.
async fn overtaken(is_accepted: bool) -> (TransportError, Vec<u8>) {
    let (connector, incoming) = in_memory();
    let (go_on, first) = oneshot::channel();
    let first = Mutex::new(Some(first));
    let mqtt = MqttOverStream::new(LateFirst { connector, first });
    let uri = given_for(Scheme::Mqtts, request()).await.uri;
    let target = Target::new(&uri);
    let connect = async || {
        let login = given_for(Scheme::Mqtts, request()).await.login;
        let events = SessionEvents::new(|_| ());
        mqtt.connect(&target, login, Progress::ignored(), events).await
    };
    let (mut older, mut newer) = (Box::pin(connect()), Box::pin(connect()));
    assert!(poll!(older.as_mut()).is_pending());
    assert!(poll!(newer.as_mut()).is_pending());
    let mut peer = Peer::new(incoming.next().await);
    assert!(matches!(peer.packet().await, Packet::Connect(_)));
    if is_accepted {
        peer.send(accepted()).await;
        newer.as_mut().await.map(drop).expect("it is accepted");
    }
    go_on.send(()).expect("the older one waits");
    let (older, sent) = tokio::join!(older, async { Peer::new(incoming.next().await).rest().await });
    (older.err().expect("it lost its place"), sent)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_a_later_one_has_overtaken_sends_no_connect() {
    for is_accepted in [true, false] {
        let (error, sent) = overtaken(is_accepted).await;
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert!(sent.is_empty(), "{sent:?}");
    }
}

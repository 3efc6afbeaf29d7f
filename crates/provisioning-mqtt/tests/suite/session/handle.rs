//! A session by itself: each packet completes on its acknowledgement, or fails with the reason.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use provisioning_mqtt::{Login, MqttConnector, MqttOverStream, MqttSession, SessionEvent, SessionEvents};
use provisioning_net::{Scheme, Target};
use provisioning_types::{ErrorKind, Progress, Secret, TransportError};
use rumqttc::{ConnectReturnCode, Packet, PubAck, SubAck, SubscribeReasonCode, UnsubAck};
use test_support::{Incoming, in_memory, settle, soon};

use crate::support::{
    device::request,
    mocks::given_for,
    peer::{Peer, accepted, publish, refused},
};

/// A session, the service's end of it, and what it told.
struct Session {
    handle: Arc<dyn MqttSession>,
    peer: Peer,
    told: Arc<Mutex<Vec<SessionEvent>>>,
}

/// What comes of connecting, and of the service's part in it.
async fn connected<T>(
    login: Login,
    events: SessionEvents,
    service: impl AsyncFnOnce(Incoming) -> T,
) -> (Result<Arc<dyn MqttSession>, TransportError>, T) {
    let (connector, incoming) = in_memory();
    let mqtt = MqttOverStream::new(connector);
    let uri = given_for(Scheme::Mqtts, request()).await.uri;
    let target = Target::new(&uri);
    tokio::join!(
        mqtt.connect(&target, login, Progress::ignored(), events),
        service(incoming)
    )
}

impl Session {
    async fn new() -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = {
            let told = Arc::clone(&told);
            SessionEvents::new(move |event| told.lock().expect("no panic").push(event))
        };
        let login = given_for(Scheme::Mqtts, request()).await.login;
        let (handle, peer) = connected(login, events, async |incoming| {
            let mut peer = Peer::new(incoming.next().await);
            peer.accept().await;
            peer
        })
        .await;
        Self {
            handle: handle.expect("it is accepted"),
            peer,
            told,
        }
    }

    fn told(&self) -> Vec<SessionEvent> {
        self.told.lock().expect("no panic").clone()
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_that_asks_whether_connect_was_accepted_gets_the_same_answer() {
    for (answer, kind) in [
        (accepted(), None),
        (refused(ConnectReturnCode::NotAuthorized), Some(ErrorKind::Unauthorized)),
    ] {
        let (connector, incoming) = in_memory();
        let mqtt = MqttOverStream::new(connector);
        let given = given_for(Scheme::Mqtts, request()).await;
        let (uri, events) = (given.uri, SessionEvents::new(drop));
        let target = Target::new(&uri);
        let session = mqtt.connect_early(&target, given.login, Progress::ignored(), events);
        let session = session.await.expect("a session");
        let mut peer = Peer::new(incoming.next().await);
        peer.packet().await;
        peer.send(answer).await;
        for _ in 0..3 {
            let outcome = soon("an answer", session.accepted()).await;
            assert_eq!(outcome.err().map(|error| error.kind()), kind);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn subscribe_publish_and_unsubscribe_complete_on_their_acknowledgements_in_any_order() {
    let Session { handle, mut peer, .. } = Session::new().await;
    let mut subscribing = handle.subscribe("a/#");
    let mut publishing = handle.publish("b", b"body".to_vec());
    let mut unsubscribing = handle.unsubscribe("c/#");
    assert!((&mut subscribing).now_or_never().is_none());
    assert!((&mut publishing).now_or_never().is_none());
    assert!((&mut unsubscribing).now_or_never().is_none());

    let subscribe = peer.subscription().await;
    assert_eq!(subscribe.filters[0].path, "a/#");
    let Packet::Publish(message) = peer.packet().await else {
        panic!("nothing is published");
    };
    assert_eq!((message.topic.as_str(), &message.payload[..]), ("b", &b"body"[..]));
    let Packet::Unsubscribe(unsubscribe) = peer.packet().await else {
        panic!("the device does not unsubscribe");
    };
    assert_eq!(unsubscribe.topics, ["c/#"]);

    peer.send(Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid })).await;
    settle().await;
    assert!((&mut subscribing).now_or_never().is_none());
    assert!((&mut publishing).now_or_never().is_none());
    assert!(unsubscribing.now_or_never().is_some_and(|outcome| outcome.is_ok()));

    peer.send(Packet::PubAck(PubAck::new(message.pkid))).await;
    settle().await;
    assert!((&mut subscribing).now_or_never().is_none());
    assert!(publishing.now_or_never().is_some_and(|outcome| outcome.is_ok()));

    let refused = SubAck::new(subscribe.pkid, vec![SubscribeReasonCode::Failure]);
    peer.send(Packet::SubAck(refused)).await;
    let error = soon("the refusal", subscribing).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_connection_ends_fails_with_the_reason_and_later_packets_fail_too() {
    let session = Session::new().await;
    let handle = &session.handle;
    let waiting = async {
        tokio::join!(
            handle.subscribe("a"),
            handle.unsubscribe("b"),
            handle.publish("c", vec![])
        )
    };
    let mut waiting = std::pin::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    let mut peer = session.peer;
    peer.send_bytes(&[0xff]).await;
    let (one, two, three) = soon("the end", waiting).await;
    for outcome in [one, two, three] {
        assert_eq!(outcome.expect_err("ended").kind(), ErrorKind::UnexpectedResponse);
    }
    assert_eq!(
        handle.publish("d", vec![]).await.expect_err("ended").kind(),
        ErrorKind::Lost
    );
    assert_eq!(handle.disconnect().await.expect_err("ended").kind(), ErrorKind::Lost);
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_session_is_left_is_cancelled_and_an_unsubscription_is_done() {
    let Session { handle, mut peer, told } = Session::new().await;
    let (subscribed, unsubscribed, published, left) = tokio::join!(
        handle.subscribe("a"),
        handle.unsubscribe("b"),
        handle.publish("c", vec![]),
        handle.disconnect()
    );
    assert_eq!(subscribed.expect_err("left").kind(), ErrorKind::Cancelled);
    assert_eq!(published.expect_err("left").kind(), ErrorKind::Cancelled);
    assert!(unsubscribed.is_ok() && left.is_ok());
    for _ in 0..3 {
        peer.packet().await;
    }
    peer.disconnected().await;
    // Its own leaving is no event.
    settle().await;
    assert!(told.lock().expect("no panic").is_empty());
}

#[tokio::test(start_paused = true)]
async fn messages_and_the_end_are_told_in_order_and_once() {
    let mut session = Session::new().await;
    session.peer.send(publish("a/b", 1, "body")).await;
    session.peer.send_bytes(&[0x30, 3, 0, 1, b'c', 0xff]).await;
    session.peer.gone().await;
    let told = session.told();
    let [
        SessionEvent::Message(first),
        SessionEvent::Message(second),
        SessionEvent::Closed(reason),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!((first.topic.as_str(), &first.payload[..]), ("a/b", &b"body"[..]));
    assert_eq!((second.topic.as_str(), second.payload.len()), ("c", 0));
    assert_eq!(reason.kind(), ErrorKind::UnexpectedResponse);
}

#[tokio::test(start_paused = true)]
async fn what_mqtt_cannot_carry_is_an_input_error_and_harms_nothing() {
    let Session { handle, mut peer, .. } = Session::new().await;
    let long = "x".repeat(65_536);
    for outcome in [
        handle.subscribe(&long).await,
        handle.unsubscribe(&long).await,
        handle.publish(&long, vec![]).await,
        handle.publish("a", vec![0; 268_435_455 - 4]).await,
    ] {
        assert_eq!(outcome.expect_err("too long").kind(), ErrorKind::Input);
    }
    let (published, ()) = tokio::join!(handle.publish("a", vec![]), async {
        let Packet::Publish(message) = peer.packet().await else {
            panic!("something of it was written");
        };
        peer.send(Packet::PubAck(PubAck::new(message.pkid))).await;
    });
    assert!(published.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_last_handle_is_dropped_disconnects() {
    let Session { handle, mut peer, .. } = Session::new().await;
    let other = Arc::clone(&handle);
    drop(handle);
    settle().await;
    peer.publish("still there", "").await;
    drop(other);
    peer.disconnected().await;
}

#[tokio::test(start_paused = true)]
async fn a_password_is_sent_and_never_shown() {
    let mut login = given_for(Scheme::Mqtts, request()).await.login;
    login.password = Some(Secret::new(b"SharedAccessSignature sr=1".to_vec()));
    let shown = format!("{login:?}");
    assert!(!shown.contains("SharedAccess") && !shown.contains("83, 104"), "{shown}");
    let events = SessionEvents::new(|_| {});
    let (session, login) = connected(login, events, async |incoming| {
        let mut peer = Peer::new(incoming.next().await);
        peer.accept().await.login
    })
    .await;
    assert!(session.is_ok());
    assert_eq!(login.expect("one").password, "SharedAccessSignature sr=1");
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_not_text_is_an_input_error() {
    let mut login = given_for(Scheme::Mqtts, request()).await.login;
    login.password = Some(Secret::new(vec![0xff]));
    let (session, _peer) = connected(login, SessionEvents::new(|_| {}), async |incoming| {
        incoming.next().await
    })
    .await;
    assert_eq!(session.err().expect("not sent").kind(), ErrorKind::Input);
}

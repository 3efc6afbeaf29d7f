//! Connections that end without this side's doing.

use std::{future::pending, io, sync::Arc};

use async_trait::async_trait;
use futures_util::FutureExt;
use provisioning_mqtt::{MqttOptions, MqttTransport, SessionEvent};
use provisioning_net::{BoxedStream, Connector, Target};
use provisioning_types::{
    ErrorKind, Phase, PollingTransport, Progress, Request, TransportError, WaitStep, error_message,
};
use test_support::{ConnectWith, Waits, settle, soon};
use tokio::{
    io::{DuplexStream, join, sink},
    time::Instant,
};
use tokio_test::io::Builder;

use crate::support::{
    bodies::ASSIGNING,
    device::{Asked, Device, request, transport},
    mocks::{MockMqttSession, Mocked},
    peer::{answer_topic, encoded, publish},
};

#[tokio::test(start_paused = true)]
async fn a_connection_lost_while_idle_is_known_at_once_and_with_its_cause() {
    for (bytes, kind) in [
        (&b""[..], ErrorKind::Lost),
        // The beginning of a packet.
        (&[0x30, 9, 0], ErrorKind::Lost),
        (&[0xff], ErrorKind::UnexpectedResponse),
    ] {
        let (device, mut peer) = Device::connected().await;
        let transport = Arc::clone(&device.transport);
        let lost = tokio::spawn(async move { transport.connection_lost().await });
        settle().await;
        assert!(!lost.is_finished());
        let before = Instant::now();
        peer.send_bytes(bytes).await;
        drop(peer);
        let error = soon("the loss", lost).await.expect("no panic");
        assert_eq!(error.kind(), kind);
        assert_eq!(before.elapsed().as_secs(), 0);
        // A later call returns at once.
        let again = device.transport.connection_lost().now_or_never();
        assert_eq!(again.expect("at once").kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_during_a_request_fails_it_at_once() {
    for asked in Asked::BOTH {
        for is_acknowledged in [false, true] {
            let (device, mut peer) = Device::connected().await;
            let call = device.ask(asked, request());
            let request = peer.request().await;
            if is_acknowledged {
                peer.acknowledge(&request).await;
                settle().await;
            }
            let before = Instant::now();
            drop(peer);
            let error = call.error().await;
            assert_eq!(error.kind(), ErrorKind::Lost);
            assert!(matches!(error.phase(), Some(Phase::Register | Phase::Poll)));
            assert_eq!(before.elapsed().as_secs(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_although_the_connection_ends_right_behind_it() {
    let (device, mut peer) = Device::connected().await;
    let register = device.register();
    let request = peer.request().await;
    let answer = publish(&answer_topic("202", &request.id), 1, ASSIGNING);
    peer.send_bytes(&[&encoded(&answer)[..], &[0xff]].concat()).await;
    drop(peer);
    assert_eq!(register.success().await.body(), ASSIGNING.as_bytes());
    let lost = device.lost().await;
    assert_eq!(lost.kind(), ErrorKind::UnexpectedResponse);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_while_there_is_nothing_to_lose() {
    let device = Device::new();
    assert!(device.transport.connection_lost().now_or_never().is_none());
    let (device, mut peer) = device.connect().await;
    device.disconnect().await;
    peer.left().await;
    settle().await;
    assert!(device.transport.connection_lost().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_needs_no_leaving() {
    let (device, peer) = Device::connected().await;
    drop(peer);
    device.lost().await;
    assert!(device.transport.cancel().await.is_ok());
    assert!(device.transport.disconnect().await.is_ok());
    assert!(device.transport.connection_lost().now_or_never().is_none());
}

/// The session knows why it ended before the subscription that it fails does.
#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_before_the_subscription_is_told_with_its_cause() {
    let mocked = Mocked::default();
    let mut session = MockMqttSession::new();
    let ended = mocked.clone();
    session.expect_subscribe().once().returning(move |_| {
        let cause = TransportError::new(ErrorKind::Tls, "the service hung up on the certificate");
        ended.tell(SessionEvent::Closed(cause));
        Err(TransportError::new(ErrorKind::Lost, "the connection has ended"))
    });
    session.expect_disconnect().returning(|| Ok(()));
    let transport = mocked.transport(session);
    let error = Asked::Register.of(&transport, &request()).await.expect_err("lost");
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Some(Phase::Subscribe)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_is_lost_unless_its_carrier_was_broken() {
    let accepted = &[0x20, 2, 0, 0][..];
    let subscribed = &[0x20, 2, 0, 0, 0x90, 3, 0, 1, 1];
    for (first, phase) in [
        (&[][..], Phase::Connect),
        (accepted, Phase::Subscribe),
        (subscribed, Phase::Register),
    ] {
        for (failure, kind) in [
            (io::ErrorKind::ConnectionReset, ErrorKind::Lost),
            (io::ErrorKind::UnexpectedEof, ErrorKind::Lost),
            (io::ErrorKind::TimedOut, ErrorKind::Lost),
            (io::ErrorKind::InvalidData, ErrorKind::UnexpectedResponse),
        ] {
            let transport = transport_on(ConnectWith(move |_: &Target<'_>| {
                let stream = Builder::new().read(first).read_error(failure.into()).build();
                Ok(join(stream, sink()))
            }));
            let request = request();
            let outcome = soon("the failure", Asked::Register.of(&transport, &request)).await;
            let error = outcome.expect_err("it fails");
            assert_eq!((error.kind(), error.phase()), (kind, Some(phase)), "{failure:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_before_connack_names_the_credential_and_the_failure() {
    for (failure, cause) in [
        (io::ErrorKind::ConnectionReset, ": connection reset"),
        (io::ErrorKind::UnexpectedEof, ""),
    ] {
        let transport = transport_on(ConnectWith(move |_: &Target<'_>| {
            let stream = Builder::new().read_error(failure.into()).build();
            Ok(join(stream, sink()))
        }));
        let error = Asked::Register.of(&transport, &request()).await.expect_err("it fails");
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(Phase::Connect)));
        let words = "the connection ended after CONNECT: services end it like this when they refuse the credential";
        assert_eq!(error_message(&error), format!("{words}{cause}"));
    }
}

/// Reports a proxy, as a connector that goes through one does.
struct Proxied<C>(C);

#[async_trait]
impl<C: Connector> Connector for Proxied<C> {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let stream = self.0.connect(target, progress).await?;
        progress.waiting_for(WaitStep::Proxy, "http://p:3128");
        Ok(stream)
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_on_a_connection_through_a_proxy_names_the_proxy() {
    let accepted = &[0x20, 2, 0, 0][..];
    let subscribed = &[0x20, 2, 0, 0, 0x90, 3, 0, 1, 1];
    for first in [&[][..], accepted, subscribed, b"HTTP/1.1 200 OK\r\n\r\n"] {
        let transport = transport_on(Proxied(ConnectWith(move |_: &Target<'_>| {
            let failure = io::ErrorKind::ConnectionReset;
            let stream = Builder::new().read(first).read_error(failure.into()).build();
            Ok(join(stream, sink()))
        })));
        let waits = Waits::default();
        let listener = |event| waits.note(event);
        let outcome = transport
            .send(&request(), &Request::Register, Progress::new(&listener))
            .await;
        let message = error_message(&outcome.expect_err("it fails"));
        assert!(message.contains("(through the proxy http://p:3128)"), "{message}");
        let waits = waits.new_ones();
        let above: Vec<_> = waits.iter().filter(|waiting| waiting.step != WaitStep::Proxy).collect();
        assert!(!above.is_empty());
        for waiting in above {
            assert!(waiting.peer.ends_with(" through the proxy http://p:3128"), "{waiting}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_fails_fails_the_request_as_it_says() {
    let refusal =
        || TransportError::new(ErrorKind::Unauthorized, "the proxy wants a password").with_hint("give the password");
    let transport = transport_on(ConnectWith(move |_: &Target<'_>| Err::<DuplexStream, _>(refusal())));
    let error = Asked::Register.of(&transport, &request()).await.expect_err("it fails");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Unauthorized, Some(Phase::Connect))
    );
    assert_eq!(error.to_string(), "the proxy wants a password");
    // Not a hint about the device's credential.
    assert_eq!(error.hint(), "give the password");
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_hangs_is_cancelled() {
    let transport = Arc::new(transport_on(Hanging));
    for disconnect in [false, true] {
        let asking = Arc::clone(&transport);
        let call = tokio::spawn(async move { Asked::Register.of(&*asking, &request()).await });
        settle().await;
        let ended = if disconnect {
            transport.disconnect().await
        } else {
            transport.cancel().await
        };
        assert!(ended.is_ok());
        let error = call.await.expect("no panic").expect_err("cancelled");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

struct Hanging;

#[async_trait]
impl Connector for Hanging {
    async fn connect(&self, _: &Target<'_>, _: Progress<'_>) -> Result<BoxedStream, TransportError> {
        pending().await
    }
}

fn transport_on(connector: impl Connector + 'static) -> MqttTransport {
    transport(connector, MqttOptions::default())
}

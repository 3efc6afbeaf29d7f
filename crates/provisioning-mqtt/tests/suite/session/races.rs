//! What callers on several threads can do to each other, acted out on one: the second comes in the middle of the first.

use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
};

use async_trait::async_trait;
use futures_util::FutureExt;
use provisioning_mqtt::{
    Login, Message, MqttConnector, MqttOptions, MqttSession, MqttTransport, SessionEvent, SessionEvents,
};
use provisioning_net::Target;
use provisioning_types::{ConnectionEvent, ErrorKind, PollingTransport, Progress, Request, Response, TransportError};
use test_support::soon;

use crate::support::{
    bodies::ASSIGNING,
    device::{Asked, endpoint, request},
    identity::any_identity,
    mocks::{self, Mocked},
    peer::{answer_topic, request_id},
};

/// The session may fail the publication before the request hears that it is cancelled.
#[tokio::test(start_paused = true)]
async fn a_request_that_fails_because_it_is_cancelled_is_cancelled() {
    let transport = Arc::new(OnceLock::<MqttTransport>::new());
    let mut session = mocks::session();
    let abandoned = Arc::clone(&transport);
    session.expect_publish().once().returning(move |_, _| {
        abandoned.get().expect("it is there").abort();
        Err(TransportError::new(ErrorKind::Lost, "the connection has ended"))
    });
    let transport = transport.get_or_init(|| Mocked::default().transport(session));
    let error = Asked::Register.of(transport, &request()).await.expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// Right before the first request waits for its answer, it is cancelled and a second request begins on the same
/// connection. The answer that is awaited there is the second's then.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_overtaken_does_not_take_the_place_of_the_next() {
    let (mocked, published) = (Mocked::default(), Arc::new(Mutex::new(Vec::new())));
    let mut session = mocks::session();
    let topics = Arc::clone(&published);
    session.expect_publish().returning(move |topic, _| {
        topics.lock().expect("no panic").push(topic.to_owned());
        Ok(())
    });
    let transport: &'static MqttTransport = Box::leak(Box::new(mocked.transport(session)));
    let second = Mutex::new(None);
    let listener = |event| {
        if event == ConnectionEvent::Connected {
            *second.lock().expect("no panic") = Some(overtake(transport));
        }
    };
    let request = request();
    let asking = transport.send(&request, &Request::Register, Progress::new(&listener));
    let outcome = soon("an outcome", asking).await;
    assert_eq!(outcome.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    let published = published.lock().expect("no panic").clone();
    assert_eq!(published.len(), 1, "{published:?}");
    let topic = answer_topic("202", request_id(&published[0]));
    mocked.tell(SessionEvent::Message(Message::new(topic, ASSIGNING)));
    let second = second.lock().expect("no panic").take().expect("it began");
    assert_eq!(second.await.expect("an answer").body(), ASSIGNING.as_bytes());
}

type InFlight = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send>>;

/// Cancels the request in flight, and begins another.
fn overtake(transport: &'static MqttTransport) -> InFlight {
    let cancelled = transport.cancel().now_or_never();
    assert!(cancelled.is_some_and(|outcome| outcome.is_ok()));
    let mut next: InFlight = Box::pin(async move { Asked::QUERY.of(transport, &request()).await });
    assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    next
}

/// While the first request's connection fails, it is cancelled and a second request begins. The half-made connection is
/// the second's then, and not the first's to close.
#[tokio::test(start_paused = true)]
async fn a_request_that_fails_late_does_not_close_the_connection_of_the_next() {
    let base = Arc::new(Overtaken::default());
    let transport = MqttTransport::over(base.clone(), endpoint(), any_identity(), MqttOptions::default());
    let transport: &'static MqttTransport = Box::leak(Box::new(transport));
    assert!(base.transport.set(transport).is_ok());
    let error = Asked::Register.of(transport, &request()).await.expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(
        base.second.lock().expect("no panic").is_some(),
        "the second did not begin"
    );
    assert!(!base.is_disconnected.load(Ordering::SeqCst));
}

/// Its first connection fails, after that was cancelled and a second request got as far as subscribing.
#[derive(Default)]
struct Overtaken {
    transport: OnceLock<&'static MqttTransport>,
    second: Mutex<Option<InFlight>>,
    is_first_over: AtomicBool,
    is_disconnected: Arc<AtomicBool>,
}

#[async_trait]
impl MqttConnector for Overtaken {
    async fn connect(
        &self,
        _: &Target<'_>,
        _: Login,
        _: Progress<'_>,
        _: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        if self.is_first_over.swap(true, Ordering::SeqCst) {
            return Ok(Arc::new(Subscribing(Arc::clone(&self.is_disconnected))));
        }
        let second = overtake(self.transport.get().expect("it is set"));
        *self.second.lock().expect("no panic") = Some(second);
        Err(TransportError::new(ErrorKind::Connect, "out of order"))
    }
}

/// A session whose subscription is never granted; it notes that it was told to disconnect.
struct Subscribing(Arc<AtomicBool>);

#[async_trait]
impl MqttSession for Subscribing {
    async fn subscribe(&self, _: &str) -> Result<(), TransportError> {
        pending().await
    }

    async fn unsubscribe(&self, _: &str) -> Result<(), TransportError> {
        pending().await
    }

    async fn publish(&self, _: &str, _: Vec<u8>) -> Result<(), TransportError> {
        pending().await
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

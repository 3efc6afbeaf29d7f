//! A cancel while another thread is about to begin a request.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use async_trait::async_trait;
use provisioning_client::{Policy, RegistrationClient};
use provisioning_types::{
    ErrorKind, PollingTransport, Progress, RegistrationRequest, Request, Response, TransportError,
};
use tokio::{spawn, time::sleep};

use crate::support::spawn_register;

/// Blocks the thread of a request until the test lets it go on.
struct Blocks {
    in_first_poll: bool,
    begun: SyncSender<()>,
    go_on: Mutex<Receiver<()>>,
    is_polled: Arc<AtomicBool>,
}

impl Blocks {
    fn block(&self) {
        self.begun.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send + 'a>>;

#[async_trait]
impl PollingTransport for Blocks {
    /// Not an `async fn`, since it blocks before its future is polled.
    fn send<'a, 'b, 'c, 'd, 'e>(&'a self, _: &'b RegistrationRequest, _: &'c Request, _: Progress<'d>) -> Sending<'e>
    where
        'a: 'e,
        'b: 'e,
        'c: 'e,
        'd: 'e,
    {
        if !self.in_first_poll {
            self.block();
        }
        Box::pin(async {
            self.is_polled.store(true, SeqCst);
            if self.in_first_poll {
                self.block();
            }
            pending().await
        })
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        Ok(())
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        Ok(())
    }

    async fn connection_lost(&self) -> TransportError {
        pending().await
    }

    fn abort(&self) {}
}

fn blocking(in_first_poll: bool) -> (RegistrationClient, Arc<AtomicBool>, Receiver<()>, SyncSender<()>) {
    let ((begun, has_begun), (go, go_on)) = (sync_channel(1), sync_channel(1));
    let is_polled = Arc::default();
    let transport = Blocks {
        in_first_poll,
        begun,
        go_on: Mutex::new(go_on),
        is_polled: Arc::clone(&is_polled),
    };
    let client = RegistrationClient::new(transport, Policy::default());
    (client, is_polled, has_begun, go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_a_cancel_overtakes_is_not_begun() {
    let (client, is_polled, has_begun, go) = blocking(false);
    let registration = spawn_register(&client);
    has_begun.recv().unwrap();
    client.cancel().await.unwrap();
    go.send(()).unwrap();
    let error = registration.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(
        !is_polled.load(SeqCst),
        "the request began after the cancel had returned"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_cancel_does_not_return_while_a_request_begins() {
    let (client, _, has_begun, go) = blocking(true);
    let registration = spawn_register(&client);
    has_begun.recv().unwrap();
    let cancelling = client.clone();
    let cancel = spawn(async move { cancelling.cancel().await });
    // Real time: the cancel would return in microseconds.
    sleep(Duration::from_millis(100)).await;
    assert!(!cancel.is_finished(), "the transport does not know the request yet");
    go.send(()).unwrap();
    cancel.await.unwrap().unwrap();
    let error = registration.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

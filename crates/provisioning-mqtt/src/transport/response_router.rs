//! Routes the responses that arrive on one connection to the request that waits for them, and notices its end.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioning_net::PeerAddress;
use provisioning_types::TransportError;
use tokio::sync::{Notify, oneshot};

use crate::{
    mqtt_connector::{Listener, Message, SessionEvent},
    protocol::ResponseTopic,
};

/// Where the messages of one connection go.
#[derive(Debug)]
pub(super) struct ResponseRouter {
    /// Where the connection goes.
    pub(super) peer: PeerAddress,
    pending: Mutex<Option<PendingResponse>>,
    loss: Mutex<Option<TransportError>>,
    ended: Notify,
}

#[derive(Debug)]
struct PendingResponse {
    request_id: String,
    sender: oneshot::Sender<Message>,
}

/// Takes the session's events.
impl Listener for ResponseRouter {
    fn handle(&self, event: SessionEvent) {
        match event {
            SessionEvent::Message(message) => self.deliver(message),
            SessionEvent::Closed(reason) => {
                *self.locked_loss() = Some(self.peer.explain(reason));
                self.ended.notify_waiters();
            }
        }
    }
}

impl ResponseRouter {
    pub(super) fn new(peer: PeerAddress) -> Arc<Self> {
        Arc::new(Self {
            peer,
            pending: Mutex::default(),
            loss: Mutex::default(),
            ended: Notify::new(),
        })
    }

    /// Delivers the response to `request_id` from now on, and no other.
    pub(super) fn expect(&self, request_id: String) -> oneshot::Receiver<Message> {
        let (sender, response) = oneshot::channel();
        *self.pending() = Some(PendingResponse { request_id, sender });
        response
    }

    /// Why the connection ended, if it did.
    pub(super) fn loss(&self) -> Option<TransportError> {
        self.locked_loss().clone()
    }

    /// Resolves once the connection has ended.
    pub(super) async fn lost(&self) -> TransportError {
        loop {
            let mut ended = pin!(self.ended.notified());
            // From here on no notification is missed.
            ended.as_mut().enable();
            if let Some(reason) = self.loss() {
                return reason;
            }
            ended.await;
        }
    }

    fn deliver(&self, message: Message) {
        let request_id = ResponseTopic::parse(&message.topic).map(|topic| topic.request_id);
        let expected = self
            .pending()
            .take_if(|pending| request_id == Some(pending.request_id.as_str()));
        match expected {
            // The request may have been dropped meanwhile.
            Some(pending) => drop(pending.sender.send(message)),
            None => tracing::debug!(?message, "no request waits for this message"),
        }
    }

    fn locked_loss(&self) -> MutexGuard<'_, Option<TransportError>> {
        // Nothing panics while the lock is held; below likewise.
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, Option<PendingResponse>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

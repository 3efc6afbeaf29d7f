//! Routes the responses that arrive on one connection to the request that waits for them, and notices its end.

use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioning_net::PeerAddress;
use provisioning_types::TransportError;
use tokio::sync::{oneshot, watch};

use crate::{
    mqtt_connector::{Message, SessionEvent, SessionEvents},
    protocol::ResponseTopic,
};

/// Where the messages of one connection go.
#[derive(Debug)]
pub(super) struct ResponseRouter {
    /// Where the connection goes.
    pub(super) peer: PeerAddress,
    pending: Mutex<Option<PendingResponse>>,
    loss: watch::Sender<Option<TransportError>>,
}

#[derive(Debug)]
struct PendingResponse {
    request_id: String,
    sender: oneshot::Sender<Message>,
}

impl ResponseRouter {
    pub(super) fn new(peer: PeerAddress) -> Arc<Self> {
        Arc::new(Self {
            peer,
            pending: Mutex::default(),
            loss: watch::Sender::new(None),
        })
    }

    /// Takes the session's events.
    pub(super) fn listener(self: &Arc<Self>) -> SessionEvents {
        let router = Arc::clone(self);
        SessionEvents::new(move |event| match event {
            SessionEvent::Message(message) => router.deliver(message),
            SessionEvent::Closed(reason) => {
                router.loss.send_replace(Some(router.peer.explain(reason)));
            }
        })
    }

    /// Delivers the response to `request_id` from now on, and no other.
    pub(super) fn expect(&self, request_id: &str) -> oneshot::Receiver<Message> {
        let (sender, response) = oneshot::channel();
        *self.pending() = Some(PendingResponse {
            request_id: request_id.to_owned(),
            sender,
        });
        response
    }

    /// Why the connection ended, if it did.
    pub(super) fn loss(&self) -> Option<TransportError> {
        self.loss.borrow().clone()
    }

    /// Resolves once the connection has ended.
    pub(super) async fn lost(&self) -> TransportError {
        let mut loss = self.loss.subscribe();
        match loss.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender lives as long as `self`.
            _ => pending().await,
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

    fn pending(&self) -> MutexGuard<'_, Option<PendingResponse>> {
        // Nothing panics while the lock is held.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! One connection as the transport sees it: matches answers to the request that waits, and knows when it is lost.

use std::sync::{Arc, Mutex, PoisonError};

use provisioning_types::TransportError;
use tokio::sync::{oneshot, watch};

use crate::{Message, MqttSession, SessionEvent, SessionEvents, TransportConfig, topic::AnswerTopic};

/// An answer as it arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// `None` when it was no number that a status can be.
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<std::time::Duration>,
    pub(crate) topic: String,
    pub(crate) body: Vec<u8>,
}

/// Where the answers of one connection arrive.
#[derive(Debug)]
pub(crate) struct Answers {
    awaited: Mutex<Option<Awaited>>,
    lost: watch::Sender<Option<TransportError>>,
}

#[derive(Debug)]
struct Awaited {
    request_id: String,
    answer: oneshot::Sender<Arrived>,
}

impl Answers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            awaited: Mutex::default(),
            lost: watch::Sender::new(None),
        })
    }

    /// Where the session tells its events.
    pub(crate) fn listener(self: &Arc<Self>) -> SessionEvents {
        let answers = Arc::clone(self);
        SessionEvents::new(move |event| match event {
            SessionEvent::Message(message) => answers.deliver(message),
            SessionEvent::Closed(reason) => {
                answers.lost.send_replace(Some(reason));
            }
        })
    }

    /// From now on waits for the answer to `request_id`, and for no other.
    pub(crate) fn expect(&self, request_id: &str) -> oneshot::Receiver<Arrived> {
        let (answer, arrived) = oneshot::channel();
        *self.awaited() = Some(Awaited {
            request_id: request_id.to_owned(),
            answer,
        });
        arrived
    }

    /// Why the connection ended, if it did.
    pub(crate) fn loss(&self) -> Option<TransportError> {
        self.lost.borrow().clone()
    }

    /// Resolves once the connection has ended.
    pub(crate) async fn lost(&self) -> TransportError {
        let mut lost = self.lost.subscribe();
        match lost.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender lives as long as `self`.
            _ => std::future::pending().await,
        }
    }

    fn deliver(&self, message: Message) {
        let parsed = AnswerTopic::parse(&message.topic);
        let mut awaited = self.awaited();
        let ours = awaited.take_if(|awaited| {
            parsed
                .as_ref()
                .is_some_and(|answer| answer.request_id == awaited.request_id)
        });
        match (ours, parsed) {
            (
                Some(awaited),
                Some(AnswerTopic {
                    status, retry_after, ..
                }),
            ) => {
                let Message { topic, payload } = message;
                // A request that was dropped meanwhile needs no answer.
                let _ = awaited.answer.send(Arrived {
                    status,
                    retry_after,
                    topic,
                    body: payload,
                });
            }
            _ => tracing::debug!(?message, "a message that nobody waits for"),
        }
    }

    fn awaited(&self) -> std::sync::MutexGuard<'_, Option<Awaited>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that stands, subscribed to its answers.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) session: Arc<dyn MqttSession>,
    pub(crate) answers: Arc<Answers>,
    pub(crate) config: Arc<TransportConfig>,
}

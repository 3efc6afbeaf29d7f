//! The transport's connection, and the right of the request in flight to change it.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioning_types::{ConnectionEvent, Endpoint, Progress, TransportError};
use tokio::sync::oneshot;

use super::{refusal_hint::RefusalHint, response_router::ResponseRouter};
use crate::{
    mqtt_connector::{Message, MqttSession},
    permit::{WritePermit, Written},
};

/// The connection and the request in flight. Revoking its permit ends the request's right to change either.
#[derive(Default)]
pub(super) struct State {
    pub(super) connection: Connection,
    /// The permit of the request in flight.
    request: Option<WritePermit>,
}

#[derive(Default)]
pub(super) enum Connection {
    #[default]
    Disconnected,
    /// The request in flight is connecting; the session, once there is one.
    Connecting(Option<Arc<dyn MqttSession>>),
    Connected(Arc<Link>),
}

/// An established connection, subscribed to its responses.
pub(super) struct Link {
    /// The address that it goes to.
    pub(super) peer: Arc<str>,
    pub(super) session: Arc<dyn MqttSession>,
    pub(super) router: Arc<ResponseRouter>,
    /// The endpoint and the user name that the connection was made for.
    pub(super) purpose: (Endpoint, String),
    /// What to check when the service refuses the credential that the connection presented.
    pub(super) refusal_hint: RefusalHint,
}

impl Link {
    /// Explains the error of a response.
    pub(super) fn explain(&self, error: TransportError) -> TransportError {
        self.refusal_hint.explain(error, &self.router.peer)
    }

    /// Whether it leads to this endpoint and its device has this user name.
    pub(super) fn is_reusable_for(&self, endpoint: &Endpoint, user_name: &str) -> bool {
        let (connected_to, connected_as) = &self.purpose;
        connected_to == endpoint && connected_as == user_name
    }
}

impl State {
    /// Ends the request in flight: nothing more of it is written. Returns how much of it has been.
    pub(super) fn cancel_request(&mut self) -> Written {
        match self.request.take() {
            Some(permit) => permit.revoke(),
            None => Written::Nothing,
        }
    }

    /// Closes the established connection in the background if a packet was cut in the middle.
    pub(super) fn close_if_cut(&mut self, written: Written) {
        if written == Written::Part {
            self.connection = Connection::Disconnected;
        }
    }

    /// The connection, unless it has ended.
    pub(super) fn established(&self) -> Option<Arc<Link>> {
        match &self.connection {
            Connection::Connected(link) if link.router.loss().is_none() => Some(Arc::clone(link)),
            Connection::Disconnected | Connection::Connecting(_) | Connection::Connected(_) => None,
        }
    }

    /// The router of the connection, whether it has ended or not.
    pub(super) fn router(&self) -> Option<Arc<ResponseRouter>> {
        match &self.connection {
            Connection::Connected(link) => Some(Arc::clone(&link.router)),
            Connection::Disconnected | Connection::Connecting(_) => None,
        }
    }

    /// Takes out a connection that is being made; the caller closes it.
    pub(super) fn take_connecting(&mut self) -> Option<Arc<dyn MqttSession>> {
        match &mut self.connection {
            Connection::Connecting(session) => {
                let session = session.take();
                self.connection = Connection::Disconnected;
                session
            }
            Connection::Disconnected | Connection::Connected(_) => None,
        }
    }
}

/// The request in flight, until it ends, is cancelled, or is dropped.
pub(super) struct InFlight<'a> {
    state: &'a Mutex<State>,
    permit: WritePermit,
    is_answered: bool,
}

impl<'a> InFlight<'a> {
    /// Begins a request.
    ///
    /// # Errors
    /// Another one is in flight.
    pub(super) fn begin(state: &'a Mutex<State>) -> Result<Self, TransportError> {
        let permit = WritePermit::default();
        let mut held = lock(state);
        if held.request.is_some() {
            return Err(TransportError::invalid_operation());
        }
        held.request = Some(permit.clone());
        Ok(Self {
            state,
            permit,
            is_answered: false,
        })
    }

    /// The right of the request to be written.
    pub(super) fn permit(&self) -> &WritePermit {
        &self.permit
    }

    /// The response has arrived: what is left to be written of the request may follow.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }

    /// Resolves when the request is cancelled.
    pub(super) async fn cancelled(&self) {
        self.permit.revoked().await;
    }

    pub(super) fn set(&self, connection: Connection) -> Result<(), TransportError> {
        self.state()?.connection = connection;
        Ok(())
    }

    /// The connection that this request was making is established. Reports it, once.
    ///
    /// # Errors
    /// The request is cancelled, which the report may have caused.
    pub(super) fn connected(&self, link: &Arc<Link>, progress: Progress<'_>) -> Result<(), TransportError> {
        let connected = Connection::Connected(Arc::clone(link));
        let before = mem::replace(&mut self.state()?.connection, connected);
        if let Connection::Connecting(_) = before {
            progress.report(ConnectionEvent::Connected);
        }
        self.state().map(drop)
    }

    /// Routes the response to `request_id` here.
    pub(super) fn expect(&self, link: &Link, request_id: String) -> Result<oneshot::Receiver<Message>, TransportError> {
        let _held = self.state()?;
        Ok(link.router.expect(request_id))
    }

    /// Takes out the connection that this request is making, unless the request is cancelled: the call that cancelled
    /// it has taken the connection.
    pub(super) fn take_connecting(&self) -> Option<Arc<dyn MqttSession>> {
        self.state().ok()?.take_connecting()
    }

    /// The request's error: cancelled, if it is, as that may be what `error` is a consequence of.
    pub(super) fn cancelled_or(&self, error: TransportError) -> TransportError {
        self.state().err().unwrap_or(error)
    }

    /// The state, unless the request is cancelled: another request may be in flight then.
    fn state(&self) -> Result<MutexGuard<'a, State>, TransportError> {
        let state = lock(self.state);
        if self.permit.is_revoked() {
            return Err(TransportError::operation_cancelled());
        }
        Ok(state)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state() {
            state.request = None;
            if !self.is_answered {
                let written = self.permit.revoke();
                state.close_if_cut(written);
            }
            // A request that was dropped while connecting leaves a connection behind; dropping that closes it.
            drop(state.take_connecting());
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing panics while the lock is held; the state is consistent in any case.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

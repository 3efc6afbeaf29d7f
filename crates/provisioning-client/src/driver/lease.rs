//! The right of one call to drive the machine.

use std::{
    future::{Future as _, pending, poll_fn},
    pin::pin,
    task::Poll,
};

use provisioning_types::{Progress, RegistrationId, RegistrationRequest, TransportError};
use tokio::select;

use super::{
    closing::Closing,
    shared::{Shared, cancelled},
};
use crate::machine::{Action, Input, Next};

/// Lets one call drive the machine until another call takes over. Dropping it abandons what is in progress; a
/// registration that still has to disconnect closes the connection.
pub(super) struct Lease<'a> {
    pub(super) shared: &'a Shared,
    pub(super) id: u64,
    pub(super) must_disconnect: bool,
    /// What this call closes with.
    pub(super) closing: Option<Closing>,
    /// The device of a registration whose last event is still to be emitted.
    pub(super) ends: Option<RegistrationId>,
}

impl Lease<'_> {
    /// Performs one action after the other. Returns what a close returns; `None` once the registration is complete or
    /// another call has taken over.
    pub(super) async fn drive(
        &self,
        first: Action,
        registration: Option<&RegistrationRequest>,
    ) -> Option<Result<(), TransportError>> {
        let mut work = pin!(self.perform(first, registration));
        let mut is_finished = false;
        loop {
            let due = self.shared.core().machine.wake_at();
            let input = select! {
                biased;
                input = work.as_mut(), if !is_finished => input,
                () = self.shared.reached(due) => Input::Tick,
            };
            is_finished |= !matches!(input, Input::Tick);
            match self.step(input)? {
                Next::Start(action) => {
                    work.set(self.perform(action, registration));
                    is_finished = false;
                }
                Next::Return(result) => return Some(result),
                Next::Continue if registration.is_some() && self.shared.core().outcome.is_none() => return None,
                Next::Continue | Next::Busy | Next::Defer => {}
            }
        }
    }

    /// Calls the transport: the only place that does. The end of the call is the machine's next input.
    async fn perform(&self, action: Action, registration: Option<&RegistrationRequest>) -> Input {
        let transport = self.shared.transport.as_ref();
        let listener = |event| drop(self.step(Input::Connection(event)));
        match (action, registration) {
            (Action::Send(request), Some(registration)) => {
                let progress = Progress::new(&listener);
                let mut sending = pin!(transport.send(registration, &request, progress));
                let first = poll_fn(|cx| match self.shared.first_poll.begin(|| self.is_current()) {
                    Some(_in_progress) => Poll::Ready(sending.as_mut().poll(cx)),
                    // Another call has taken over and completes the registration.
                    None => Poll::Pending,
                });
                Input::Response(match first.await {
                    Poll::Ready(response) => response,
                    Poll::Pending => sending.await,
                })
            }
            // A close sends nothing.
            (Action::Send(_), None) => pending().await,
            (Action::Abort, _) => {
                transport.abort();
                // Ignore a late response, and the end of a connection that this side closed.
                pending().await
            }
            (Action::Wait, _) => Input::ConnectionLost(transport.connection_lost().await),
            (Action::Cancel | Action::Disconnect, _) => Input::Closed(result_of(self.closing.clone()).await),
        }
    }

    fn is_current(&self) -> bool {
        self.shared.core().lease == self.id
    }

    /// Steps the machine; `None` once another call has taken over.
    fn step(&self, input: Input) -> Option<Next> {
        let mut core = self.shared.core();
        (core.lease == self.id).then(|| self.shared.step(&mut core, input))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.step(Input::Abandon);
        if let Some(closing) = self.closing.take() {
            let mut core = self.shared.core();
            let current = core.closing.take_if(|current| current.ptr_eq(&closing));
            drop(core);
            // What is dropped goes on in the transport's background; calls that wait for it need not wait any more.
            drop(current);
            self.shared.gate.notify_waiters();
        }
        if let Some(registration_id) = &self.ends {
            self.shared.emit_ended(registration_id, &Err(cancelled()));
        }
        if self.must_disconnect && self.shared.core().registration == self.id {
            self.shared.release(self.id);
            self.shared.transport.abort();
        }
    }
}

/// The result of closing; none while nothing closes.
pub(super) async fn result_of(closing: Option<Closing>) -> Result<(), TransportError> {
    match closing {
        Some(closing) => closing.await,
        None => pending().await,
    }
}

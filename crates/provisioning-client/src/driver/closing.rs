//! A `cancel` or `disconnect` of the transport that every call which waits for it can poll: a caller that stops polling
//! its own call delays no other one.

use std::sync::Arc;

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use provisioning_types::{PollingTransport, TransportError};

use super::first_poll::FirstPoll;
use crate::machine::Action;

/// Clones are the same call. The transport's future is dropped with the last of them.
pub(super) type Closing = Shared<BoxFuture<'static, Result<(), TransportError>>>;

/// Begins the call of the transport that closes; `None` for other actions.
pub(super) fn begin(
    transport: &Arc<dyn PollingTransport>,
    first_poll: &Arc<FirstPoll>,
    action: &Action,
) -> Option<Closing> {
    let is_cancel = match action {
        Action::Cancel => true,
        Action::Disconnect => false,
        Action::Send(_) | Action::Wait | Action::Abort => return None,
    };
    let (transport, first_poll) = (Arc::clone(transport), Arc::clone(first_poll));
    let closing = async move {
        first_poll.wait();
        // Not through `Arc`, whose implementation boxes the future again.
        let transport = transport.as_ref();
        if is_cancel {
            transport.cancel().await
        } else {
            transport.disconnect().await
        }
    };
    Some(closing.boxed().shared())
}

//! What a registration tells while it runs.

use std::{fmt, time::Duration};

use provisioning_types::{Assignment, TransportError};
use tokio::sync::broadcast;

/// A step of a registration.
#[doc(alias = "operationStatus")]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StatusEvent {
    /// A connection to this URI is being made.
    Connecting {
        /// Where to.
        uri: String,
    },
    /// The connection stands.
    Connected,
    /// The service is working on the assignment.
    Assigning {
        /// The operation that it works on.
        operation_id: String,
        /// When it will be asked again.
        retry_in: Duration,
    },
    /// The service answered 429 or above; the same request is sent again.
    Throttled {
        /// The answer's HTTP-like status.
        status: u16,
        /// When it will be sent again.
        retry_in: Duration,
    },
    /// The connection was lost; it will be made again.
    Recovering {
        /// Which of the allowed recoveries this is, from 1.
        attempt: u32,
        /// When the connection will be made again.
        retry_in: Duration,
        /// Why it was lost.
        cause: TransportError,
    },
    /// The device is assigned.
    Assigned(Assignment),
    /// Leaving the service failed; the registration's outcome stands.
    DisconnectFailed {
        /// Why.
        cause: TransportError,
    },
}

impl fmt::Display for StatusEvent {
    /// One line for people; of an assignment the hub only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |wait: &Duration| (wait.as_secs_f64() * 10.0).round() / 10.0;
        match self {
            Self::Connecting { uri } => write!(f, "connecting to {uri}"),
            Self::Connected => f.write_str("connected, registering"),
            Self::Assigning { operation_id, retry_in } => {
                write!(
                    f,
                    "assigning (operation {operation_id}), asking again in {} s",
                    seconds(retry_in)
                )
            }
            Self::Throttled { status, retry_in } => {
                write!(
                    f,
                    "the service answered {status}, asking again in {} s",
                    seconds(retry_in)
                )
            }
            Self::Recovering {
                attempt,
                retry_in,
                cause,
            } => {
                write!(
                    f,
                    "lost the connection ({cause}), recovery {attempt} in {} s",
                    seconds(retry_in)
                )
            }
            Self::Assigned(assignment) => write!(f, "assigned to {}", assignment.assigned_hub()),
            Self::DisconnectFailed { cause } => write!(f, "leaving the service failed: {cause}"),
        }
    }
}

/// The events of one client, from the moment of asking for them. A listener that is slow or never reads blocks
/// nobody: it loses the oldest events.
#[derive(Debug)]
pub struct StatusEvents(pub(crate) broadcast::Receiver<StatusEvent>);

/// How many events are kept for a slow listener.
pub(crate) const KEPT: usize = 64;

impl StatusEvents {
    /// The next event; `None` once the client is gone.
    ///
    /// # Cancel safety
    /// Safe: no event is lost by dropping the future.
    pub async fn next(&mut self) -> Option<StatusEvent> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(lost)) => tracing::debug!(lost, "slow status listener"),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

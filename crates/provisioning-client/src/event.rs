//! What a registration reports while it runs.

use std::{fmt, time::Duration};

use provisioning_types::{Assignment, TransportError};
#[cfg(feature = "driver")]
use tokio::sync::broadcast;

/// Something that happened in a registration.
#[doc(alias = "operationStatus")]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StatusEvent {
    /// A connection to this URI is being made.
    Connecting {
        /// The URI, such as `mqtts://global.azure-devices-provisioning.net`.
        uri: String,
    },
    /// The connection is established.
    Connected,
    /// The service is working on the assignment.
    Assigning {
        /// The operation, as the service named it.
        operation_id: String,
        /// When the operation is queried.
        retry_in: Duration,
    },
    /// The response was 429 or above; the same request is sent again.
    Throttled {
        /// The response's HTTP-like status.
        status: u16,
        /// When the request is sent again.
        retry_in: Duration,
    },
    /// The connection was lost; the client connects again.
    Recovering {
        /// The number of this recovery, from 1.
        attempt: u32,
        /// When the client connects again.
        retry_in: Duration,
        /// Why the connection was lost.
        cause: TransportError,
    },
    /// The device is assigned.
    Assigned(Assignment),
    /// Disconnecting failed; the registration's outcome stands.
    DisconnectFailed {
        /// Why disconnecting failed.
        cause: TransportError,
    },
}

impl fmt::Display for StatusEvent {
    /// One line for people. Of an assignment it shows the hub only.
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
            Self::DisconnectFailed { cause } => write!(f, "disconnecting failed: {cause}"),
        }
    }
}

/// The events of one client, from the moment it was asked for them. A listener that is slow or never reads blocks
/// nothing: it loses the oldest events.
#[cfg(feature = "driver")]
#[derive(Debug)]
pub struct StatusEvents(pub(crate) broadcast::Receiver<StatusEvent>);

/// How many events are kept for a slow listener.
#[cfg(feature = "driver")]
pub(crate) const EVENT_CAPACITY: usize = 64;

#[cfg(feature = "driver")]
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

//! The two ways to end a registration by a call.

use provisioning_client::RegistrationClient;
use provisioning_types::TransportError;
use tokio::{spawn, task::JoinHandle};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Cancel,
    Disconnect,
}

impl Leave {
    pub(crate) const ALL: [Self; 2] = [Self::Cancel, Self::Disconnect];

    pub(crate) async fn by(self, client: &RegistrationClient) -> Result<(), TransportError> {
        match self {
            Self::Cancel => client.cancel().await,
            Self::Disconnect => client.disconnect().await,
        }
    }

    /// Leaves in a task of its own.
    pub(crate) fn spawn(self, client: &RegistrationClient) -> JoinHandle<Result<(), TransportError>> {
        let client = client.clone();
        spawn(async move { self.by(&client).await })
    }

    /// What a transport logs of it at this time.
    pub(crate) fn logged(self, at: u64) -> String {
        match self {
            Self::Cancel => format!("{at} s: cancel"),
            Self::Disconnect => format!("{at} s: disconnect"),
        }
    }
}

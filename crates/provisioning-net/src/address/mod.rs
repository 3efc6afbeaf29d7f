//! Reaching a host over TCP: its name is resolved, and its addresses are raced.

mod error_message;
mod network;
mod order;
mod outcome;
mod race;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use provisioning_types::{Host, Progress, TransportError, WaitStep};

pub use self::outcome::{AddressAttempt, AddressOutcome};
pub(crate) use self::{
    error_message::NotResolved,
    network::{Network, System},
};
use self::{
    error_message::{not_reached, not_resolved},
    order::alternate_families,
    race::race,
};
use crate::deadline::Deadline;

/// What reaching a host needs. The deadline limits all of it.
pub(crate) struct Reach<'a, N> {
    pub(crate) network: &'a N,
    pub(crate) deadline: Deadline,
    pub(crate) progress: Progress<'a>,
}

impl<N: Network> Reach<'_, N> {
    /// Connects to the address of the host that answers first; `peer` names host and port. `attempts` has the addresses
    /// and their outcomes afterwards; it is empty when the name was not resolved.
    pub(crate) async fn connect(
        &self,
        host: &Host,
        port: u16,
        peer: Arc<str>,
        attempts: &mut Vec<AddressAttempt>,
    ) -> Result<N::Stream, TransportError> {
        *attempts = self.resolve(host, port).await?;
        self.progress.waiting_for(WaitStep::Tcp, peer);
        let stream = race(self.network, attempts, self.deadline).await;
        stream.ok_or_else(|| not_reached(host, port, attempts))
    }

    /// The addresses of the host, in the order in which they are tried.
    async fn resolve(&self, host: &Host, port: u16) -> Result<Vec<AddressAttempt>, TransportError> {
        if host.ip().is_none() {
            self.progress.waiting_for(WaitStep::Resolve, host);
        }
        let resolving = self.deadline.limit(self.network.resolve(host, port));
        let addresses = match resolving.await {
            Ok(Err(no_thread)) => return Err(no_thread),
            Ok(Ok(Ok(addresses))) if addresses.is_empty() => Err(NotResolved::Empty),
            Ok(Ok(Ok(addresses))) => Ok(addresses),
            Ok(Ok(Err(error))) => Err(NotResolved::Failed(error)),
            Err(_) => Err(NotResolved::NoAnswer),
        };
        let addresses = addresses.map_err(|error| not_resolved(host, error, self.deadline))?;
        Ok(alternate_families(&addresses).map(AddressAttempt::new).collect())
    }
}

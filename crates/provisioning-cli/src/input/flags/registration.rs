//! All flags that describe a registration.

use clap::Args;

use super::{identity::Identity, limits::Limits, network::Network, service::Service};

#[derive(Debug, Args)]
pub(crate) struct Registration {
    #[command(flatten)]
    pub(crate) service: Service,

    #[command(flatten)]
    pub(crate) identity: Identity,

    #[command(flatten)]
    pub(crate) network: Network,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

impl Registration {
    /// Lets reading pipes and devices count against the timeout.
    pub(crate) fn limit_reading(&mut self) {
        let deadline = self.limits.deadline();
        self.identity.set_deadline(deadline);
        for file in [&mut self.network.ca, &mut self.network.extra_ca].into_iter().flatten() {
            *file = file.clone().with_deadline(deadline);
        }
    }
}

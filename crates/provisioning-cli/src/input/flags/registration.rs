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

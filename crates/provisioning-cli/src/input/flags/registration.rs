//! All flags that describe a registration.

use clap::Args;
use provisioning_device::InputFile;

use super::{
    identity::Identity,
    limits::Limits,
    network::Network,
    service::{PayloadSource, Service},
};

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
        let payload = match &mut self.service.payload {
            Some(PayloadSource::File(file)) => Some(file),
            Some(PayloadSource::Text(_)) | None => None,
        };
        let network = [&mut self.network.ca, &mut self.network.extra_ca];
        for file in network.into_iter().flatten().chain(payload) {
            *file = file.clone().with_deadline(deadline);
        }
    }

    /// The files that are read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &InputFile> {
        let network = [&self.network.ca, &self.network.extra_ca].into_iter().flatten();
        let payload = self.service.payload.as_ref().and_then(PayloadSource::file);
        self.identity.files().chain(network).chain(payload)
    }
}

//! All flags that describe a registration.

use clap::Args;
use provisioning_device::InputFile;

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

    /// The files that are read.
    pub(crate) fn files(&self) -> impl Iterator<Item = InputFile> {
        let network = [&self.network.ca, &self.network.extra_ca]
            .into_iter()
            .flatten()
            .cloned();
        self.identity.files().chain(network).chain(self.payload_file())
    }

    /// The file of `--payload @FILE`.
    pub(crate) fn payload_file(&self) -> Option<InputFile> {
        let path = self.service.payload.as_deref()?.strip_prefix('@')?;
        Some(InputFile::new(path).with_deadline(self.limits.deadline()))
    }
}

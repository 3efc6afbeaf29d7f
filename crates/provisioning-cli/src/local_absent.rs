//! `--local` in a build without the feature `local`: refused.

use provisioning_device::{Credential, InvalidInput};

use crate::failure::Failure;

/// There is no local service in this build.
pub(crate) enum LocalService {}

impl LocalService {
    #[expect(clippy::unused_async, reason = "as with the feature `local`")]
    pub(crate) async fn start(_: &str) -> Result<Self, Failure> {
        Err(InvalidInput::new("--local", "a `dps` that was built with the feature `local`").into())
    }

    pub(crate) fn id_scope(&self) -> &str {
        match *self {}
    }

    pub(crate) fn host(&self, _: bool) -> String {
        match *self {}
    }

    pub(crate) fn websocket_port(&self) -> u16 {
        match *self {}
    }

    pub(crate) fn ca_pem(&self) -> &str {
        match *self {}
    }

    pub(crate) fn credential(&self) -> Result<Credential, InvalidInput> {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "as with the feature `local`")]
    pub(crate) async fn stop(self) {
        match self {}
    }
}

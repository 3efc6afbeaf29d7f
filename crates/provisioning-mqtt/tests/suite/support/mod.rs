//! A device and the service that a test plays for it, over streams in memory, or with a mocked session.

pub(crate) mod bodies;
pub(crate) mod device;
pub(crate) mod identity;
pub(crate) mod mocks;
pub(crate) mod peer;

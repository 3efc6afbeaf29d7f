//! A device and its scripted service, over in-memory streams or with a mocked session.

pub(crate) mod bodies;
pub(crate) mod device;
pub(crate) mod identity;
pub(crate) mod mocks;
pub(crate) mod peer;

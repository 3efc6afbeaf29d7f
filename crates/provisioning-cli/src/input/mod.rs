//! What the program is given: flags, environment variables and files, checked before any connection.

pub(crate) mod client;
pub(crate) mod credential;
pub(crate) mod credential_check;
pub(crate) mod environment;
pub(crate) mod flags;
pub(crate) mod options;
pub(crate) mod redaction;
pub(crate) mod stored_assignment;

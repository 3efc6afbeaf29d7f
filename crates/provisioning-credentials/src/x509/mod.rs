//! X.509: a device's certificates and private key.

pub(crate) mod certificate;
pub(crate) mod common_name;
pub(crate) mod credential;
pub(crate) mod defects;
pub(crate) mod private_key;

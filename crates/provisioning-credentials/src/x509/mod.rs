//! X.509: a device's certificates and private key, and the encodings in which files hold them.

pub(crate) mod credential;
pub(crate) mod encoding;
#[cfg(feature = "encrypted-keys")]
mod encrypted_key;
pub(crate) mod validity;

pub(crate) use encoding::pem_certificates;

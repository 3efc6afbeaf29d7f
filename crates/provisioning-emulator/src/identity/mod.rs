//! Certificates and keys: the emulator's CA, what it issues, symmetric keys, and the folder that keeps them.

mod authority;
mod certificate;
mod existing;
mod folder;
mod key;
mod token;

pub use authority::DeviceIdentity;
pub(crate) use authority::{Authority, ServerIdentity, read_csr, to_pem};
pub use certificate::KeyKind;
pub(crate) use certificate::{CertificateSettings, Validity};
pub use folder::Folder;
pub(crate) use folder::Identities;
pub(crate) use key::{Key, random};
pub(crate) use token::Token;
#[cfg(test)]
pub(crate) use token::token;

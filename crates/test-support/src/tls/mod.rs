//! Certificates, TLS servers that they are for, and keys behind signers.

mod any_client_certificate;
mod certificates;
mod server;
mod signer;

pub use certificates::{Ca, new_key};
pub use server::{BOTH_VERSIONS, ClientCertificates, acceptor};
pub use signer::{ExternalKey, SignerBehavior};

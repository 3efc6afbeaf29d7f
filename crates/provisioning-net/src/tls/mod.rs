//! TLS with verification on: trusted roots, the device's certificate, and error messages.

mod alert;
mod client_auth;
mod client_config;
mod clock;
mod connector;
mod der;
mod device_key;
mod error_message;
mod established_error;
mod external_key;
mod failure;
mod key_check;
mod platform;
mod private_key;
mod provider;
mod public_key;
mod roots;
mod settings;
mod stream;
mod verifier;
mod version;

pub use self::{
    connector::TlsConnector, failure::TlsFailure, provider::TlsProvider, settings::Tls, version::TlsVersion,
};
pub(crate) use self::{
    connector::{TlsReport, handshake},
    error_message::issuer_name,
    established_error::established_error,
};

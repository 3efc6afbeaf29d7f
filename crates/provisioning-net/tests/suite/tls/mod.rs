//! Real TLS, with a rustls server at the other end: of in-memory streams, and of a few sockets.

mod alerts;
mod credentials;
mod cut_off;
mod device;
mod external_keys;
mod hanging_signers;
mod key_checks;
#[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
mod odd_certificates;
mod providers;
mod refusals;
mod refused_keys;
mod renewal;
pub(crate) mod server;
mod settings;
mod sockets;
mod trust_store;
mod verdict;

//! Real TLS, with a rustls server at the other end: of in-memory streams, and of a few sockets.

mod credentials;
mod device;
mod external_keys;
mod providers;
mod refusals;
mod renewal;
pub(crate) mod server;
mod settings;
mod sockets;

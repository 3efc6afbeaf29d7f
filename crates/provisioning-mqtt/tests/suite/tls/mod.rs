//! Real TLS, with a rustls server at the other end: of in-memory streams, and of a few sockets.

mod credentials;
mod refusals;
mod server;
mod settings;
mod sockets;

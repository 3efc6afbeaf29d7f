//! This crate as its users see it: over connectors in memory, against real TLS servers, and on a few sockets.

mod conformance;
mod fallback;
mod proxy;
mod public_types;
mod reports;
mod silence;
mod support;
mod tls;
mod waiting;
mod websocket;

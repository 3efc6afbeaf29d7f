//! This crate as its users see it: over connectors in memory, against real TLS servers, and on a few sockets.

mod certificates;
mod conformance;
mod fallback;
mod public_types;
mod reports;
mod roots;
mod support;
mod tls;
mod websocket;

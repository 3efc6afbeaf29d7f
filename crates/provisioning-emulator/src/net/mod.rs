//! Connections: listeners, sockets, TLS, WebSocket, and the faults of each layer.

mod faulty;
mod foreign;
mod frames;
mod graceful_close;
mod listen;
mod opening;
mod peer;
mod rewind;
mod room;
mod send_limit;
mod socket;
mod stack;
mod stream;
mod stream_error;
mod tls;
mod websocket;

pub(crate) use faulty::GARBAGE;
pub(crate) use foreign::{Detection, Foreign};
pub(crate) use graceful_close::close;
pub(crate) use listen::{listen, serve_in_memory};
pub(crate) use opening::{HEAD_SIZE, HEAD_TIMEOUT};
pub(crate) use peer::{Peer, describe};
pub(crate) use room::Rooms;
pub(crate) use socket::Reset;
pub use socket::{Link, Security};
pub(crate) use stream_error::StreamEnd;
pub use tls::TlsVersions;
pub(crate) use tls::acceptor;

//! What the tests of several crates share. Each kind of help stands once, in a file that is named for it.
//!
//! Only tests in a crate's `tests/` folder can use this crate. A crate's unit tests are compiled together with that
//! crate, and its types are not the ones that this crate names. The tests of the emulator and of the WebSocket crate do
//! not use this crate either: they are independent of the code that is tested against them.
//!
//! # Features
//!
//! - `net`: connections in memory ([`in_memory`](fn@in_memory), [`ConnectWith`]).
//! - `proxy`: [`proxy`], a proxy over HTTP or SOCKS5.
//! - `tls`: [`tls`], certificates, TLS servers, and signers that misbehave.
//! - `emulator`: [`emulator`], devices of the local DPS, and connections to it in memory.

mod call;
#[cfg(feature = "net")]
mod connect_with;
#[cfg(feature = "emulator")]
pub mod emulator;
mod error_chain;
mod examples;
mod files;
#[cfg(feature = "net")]
mod in_memory;
mod interrupt;
#[cfg(feature = "proxy")]
pub mod proxy;
mod request;
mod sockets;
#[cfg(feature = "tls")]
pub mod tls;
mod waiting;

pub use call::Call;
#[cfg(feature = "net")]
pub use connect_with::ConnectWith;
pub use error_chain::shown;
pub use examples::{example, run};
pub use files::Files;
#[cfg(feature = "net")]
pub use in_memory::{Incoming, in_memory, in_memory_with_buffer};
#[cfg(unix)]
pub use interrupt::interrupt;
pub use request::{ID_SCOPE, request_of};
pub use sockets::{listen, serve};
pub use waiting::{at_once, eventually, settle, soon};

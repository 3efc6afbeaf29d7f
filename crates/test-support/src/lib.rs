//! Helpers that the tests of several crates share.
//!
//! Only tests in a crate's `tests/` folder can use this crate. Unit tests are compiled together with their crate, whose
//! types then differ from those that this crate names. The tests of the emulator and of the WebSocket crate do not use it
//! either: they share no code with the client that is tested against them.
//!
//! The features are `net` (in-memory connections), `proxy`, `tls` (certificates, TLS servers, signers), and `emulator`.

mod call;
#[cfg(feature = "emulator")]
pub mod emulator;
mod error_chain;
mod files;
#[cfg(feature = "net")]
mod in_memory;
mod programs;
#[cfg(feature = "proxy")]
pub mod proxy;
mod request;
#[cfg(feature = "tls")]
pub mod signers;
mod sockets;
#[cfg(feature = "tls")]
pub mod tls;
mod waiting;
mod waits;

pub use call::Call;
pub use error_chain::shown;
pub use files::Files;
#[cfg(feature = "net")]
pub use in_memory::{ConnectWith, Incoming, in_memory, in_memory_with_buffer};
pub use programs::{INPUT_VARIABLES, Running, example, run, without_dps_variables};
pub use request::request_of;
pub use sockets::{listen, serve};
pub use waiting::{at_once, eventually, settle, soon};
pub use waits::Waits;

//! The floor of a registration: the packets that the client sends, over bare rustls and rumqttc's codec.
//!
//! What is left out is what the client adds: checks beyond TLS, limits, errors that explain, retries, events, spans.

mod exchange;
mod login;
mod tls;
#[cfg(feature = "websocket")]
mod websocket;

pub use self::{
    exchange::{Exchange, OverStream, Packets},
    login::Login,
    tls::Tls,
};
#[cfg(feature = "websocket")]
pub use websocket::open as websocket;

/// The error of a program that only says why it ends.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

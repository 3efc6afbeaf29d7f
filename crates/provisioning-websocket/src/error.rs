//! Why an opening handshake failed.

use std::{error::Error, io};

/// Why the WebSocket handshake failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The [`Handshake`](crate::Handshake) cannot be written as an HTTP request. Nothing was sent: correct the value.
    #[error("the {name} {value:?} cannot stand in an HTTP request")]
    InvalidInput {
        /// `host`, `path` or `sub-protocol`.
        name: &'static str,
        /// What was given.
        value: String,
    },
    /// The server answered with an HTTP status other than 101. What to do about it is up to the status.
    #[error("the server refused the WebSocket with status {status} ({reason})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// How the body of the answer begins, or the reason phrase when there is no body: one short line, safe to
        /// print.
        reason: String,
        /// The body of the answer, up to 16 KiB: empty if the answer has no body, or if its transfer coding is neither
        /// `identity` nor `chunked`.
        body: Vec<u8>,
        /// Where a redirect points. It is not followed.
        location: Option<String>,
    },
    /// What arrived is no answer that RFC 6455 allows, or it lacks the sub-protocol that was asked for. The other end
    /// is no WebSocket server for this purpose.
    #[error("the answer to the WebSocket handshake breaks the protocol")]
    Protocol(#[source] Box<dyn Error + Send + Sync>),
    /// The stream failed, or ended before the answer was complete (`UnexpectedEof`). The source is the stream's own
    /// error, untouched.
    #[error("the connection failed during the WebSocket handshake")]
    Io(#[from] io::Error),
}

//! A WebSocket client connection as a byte stream, over any byte stream.
//!
//! [`connect`] performs the opening handshake of [RFC 6455] and returns a [`WebSocketStream`], which is `AsyncRead` and
//! `AsyncWrite`: what is written leaves in binary frames, what arrives in binary frames is read as if they had no
//! borders. Protocols that were made for TCP run over it unchanged. TLS, proxies and time limits are the caller's.
//!
//! ```
//! use provisioning_websocket::{Handshake, connect};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # use futures_util::StreamExt;
//! # use tokio_tungstenite::tungstenite::{handshake::server::{Request, Response}, http::HeaderValue};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (stream, far) = tokio::io::duplex(1024);
//! # tokio::spawn(async move {
//! #     let choose = |_: &Request, mut response: Response| {
//! #         response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("echo"));
//! #         Ok(response)
//! #     };
//! #     let server = tokio_tungstenite::accept_hdr_async(far, choose).await.unwrap();
//! #     let (sink, messages) = server.split();
//! #     messages.forward(sink).await
//! # });
//! // `stream` is a TLS stream to example.org, or anything else that carries bytes.
//! let handshake = Handshake::new("example.org", "/chat").with_subprotocol("echo");
//! let mut websocket = connect(stream, &handshake).await?;
//!
//! websocket.write_all(b"hello").await?;
//! websocket.flush().await?;
//! let mut answer = [0; 5];
//! websocket.read_exact(&mut answer).await?;
//! assert_eq!(&answer, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! There are none.
//!
//! # Limits
//!
//! - A client only, without extensions (no compression), cookies, authentication or redirects.
//! - The bytes of a message can be read once its last frame is there, so a message has a limit:
//!   [`Handshake::with_max_message_size`].
//! - Pings are answered while the stream is being read; nothing happens while it lies idle.
//! - Nothing of what is sent or received is logged, at any level. Errors quote what a server says in words: how the body
//!   of a refusal, the reason of a Close frame or a text message begins.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

mod answer;
mod error;
mod excerpt;
mod frame_reader;
mod frame_writer;
mod handshake;
mod stream;
mod wakers;

pub use error::HandshakeError;
pub use handshake::{Handshake, connect};
pub use stream::WebSocketStream;

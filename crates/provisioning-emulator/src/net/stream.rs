//! The bytes of a connection, above the layers that have begun.

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes. It is boxed, so that a layer is not as large as all the layers below it.
pub(super) type Stream = Box<dyn Io>;

/// What a layer reads and writes.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

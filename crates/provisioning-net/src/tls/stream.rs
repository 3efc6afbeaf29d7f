//! The byte stream of a completed handshake.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use rustls::Error as RustlsError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::{client_auth::ClientAuth, established_error::EstablishedTlsError};
use crate::{connector::BoxedStream, peer::Recorded};

/// A TLS stream whose errors know whether the device's certificate was presented: under TLS 1.3 the server's alert
/// about it arrives on the established stream.
pub(super) struct EstablishedTls {
    stream: TlsStream<Recorded<BoxedStream>>,
    auth: ClientAuth,
}

impl EstablishedTls {
    pub(super) fn new(stream: TlsStream<Recorded<BoxedStream>>, auth: ClientAuth) -> Self {
        Self { stream, auth }
    }

    /// Replaces the message of rustls.
    fn tagged<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        result.map_err(|error| match (error.kind(), error.downcast::<RustlsError>()) {
            (kind, Ok(tls)) => io::Error::new(
                kind,
                EstablishedTlsError {
                    error: tls,
                    auth: self.auth,
                },
            ),
            (kind @ io::ErrorKind::UnexpectedEof, Err(_)) => kind.into(),
            (_, Err(other)) => other,
        })
    }
}

impl AsyncRead for EstablishedTls {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.tagged(result)
    }
}

impl AsyncWrite for EstablishedTls {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.tagged(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.tagged(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.tagged(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.tagged(result)
    }
}

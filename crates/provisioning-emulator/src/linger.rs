//! Ends in an orderly way: reading on before a close, so that the reason arrives. A socket closed with unread bytes is
//! reset, and a reset overtakes what was written.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(1);
const BYTES: u64 = 64 * 1024;

/// Says the last words, closes, and lingers.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, last_words: &[u8]) {
    let end = async {
        stream.write_all(last_words).await?;
        stream.shutdown().await
    };
    // A peer that is gone needs no orderly end.
    let _ = timeout(LIMIT, end).await;
    linger(stream).await;
}

/// Reads until the peer has closed its side, within bounds.
pub(crate) async fn linger<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut rest = stream.take(BYTES);
    // Whether the peer listens is its own affair.
    let _ = timeout(LIMIT, copy(&mut rest, &mut sink())).await;
}

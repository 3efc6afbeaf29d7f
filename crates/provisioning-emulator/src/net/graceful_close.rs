//! Closes a connection so that the last bytes arrive: a socket that is closed with unread bytes is reset, and a reset
//! overtakes what was written.

use std::time::Duration;

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

const TIMEOUT: Duration = Duration::from_secs(1);
const MAX_BYTES: u64 = 64 * 1024;

/// Writes the last bytes, closes, and reads on.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, last_bytes: &[u8]) {
    let end = async {
        stream.write_all(last_bytes).await?;
        stream.shutdown().await
    };
    // A peer that is gone needs no orderly close.
    let _ = timeout(TIMEOUT, end).await;
    read_on(stream).await;
}

/// Reads until the peer closes its side, with a limit.
pub(crate) async fn read_on<S: AsyncRead + Unpin>(stream: &mut S) {
    let discarding = async {
        let mut rest = stream.take(MAX_BYTES);
        // Many connections may end at the same time: each reads little at once.
        let mut discarded = BytesMut::with_capacity(1024);
        while rest.read_buf(&mut discarded).await.is_ok_and(|read| read > 0) {
            discarded.clear();
        }
    };
    // The result does not matter: the connection is closed.
    let _ = timeout(TIMEOUT, discarding).await;
}

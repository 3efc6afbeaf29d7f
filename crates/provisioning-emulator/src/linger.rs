//! Reading on before a close, so that the reason arrives: a socket closed with unread bytes is reset, and a reset
//! overtakes what was written.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, copy, sink},
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(1);
const BYTES: u64 = 64 * 1024;

/// Reads until the peer has closed its side, within bounds.
pub(crate) async fn linger<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut rest = stream.take(BYTES);
    // Whether the peer listens is its own affair.
    let _ = timeout(LIMIT, copy(&mut rest, &mut sink())).await;
}

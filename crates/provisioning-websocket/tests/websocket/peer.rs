//! The other end: reads requests and frames, and writes whatever a test wants to see arrive.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use provisioning_websocket::{Handshake, WebSocketStream, connect};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf},
    task::JoinHandle,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;
/// Set in the first byte of a message's last frame.
pub(crate) const FIN: u8 = 0x80;

pub(crate) struct Peer(pub(crate) DuplexStream);

impl Peer {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads an HTTP head.
    pub(crate) async fn read_request(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads a request and agrees to it, to its sub-protocol too.
    pub(crate) async fn accept(&mut self) {
        let request = self.read_request().await;
        let protocol = header(&request, "Sec-WebSocket-Protocol").map(|p| format!("Sec-WebSocket-Protocol: {p}\r\n"));
        self.send(switching(&request, &protocol.unwrap_or_default())).await;
    }

    /// Reads one frame, which must be masked, and returns its first byte and its payload.
    pub(crate) async fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.0.read_u8().await.unwrap();
        let length = self.0.read_u8().await.unwrap();
        assert_ne!(length & 0x80, 0, "a client's frame is masked");
        let length = match length & 0x7F {
            126 => u64::from(self.0.read_u16().await.unwrap()),
            127 => self.0.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut mask = [0; 4];
        self.0.read_exact(&mut mask).await.unwrap();
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.unwrap();
        payload
            .iter_mut()
            .zip(mask.iter().cycle())
            .for_each(|(byte, mask)| *byte ^= mask);
        (first, payload)
    }

    /// What still comes until the client's end is closed.
    pub(crate) async fn read_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.unwrap();
        rest
    }
}

/// A stream whose buffer holds `capacity` bytes, and its other end.
pub(crate) fn pair(capacity: usize) -> (DuplexStream, Peer) {
    let (near, far) = tokio::io::duplex(capacity);
    (near, Peer(far))
}

/// An open WebSocket over such a stream.
pub(crate) async fn open(capacity: usize, handshake: Handshake) -> (WebSocketStream<DuplexStream>, Peer) {
    let (near, mut peer) = pair(capacity);
    let (websocket, ()) = tokio::join!(connect(near, &handshake), peer.accept());
    (websocket.unwrap(), peer)
}

/// The same with nothing special.
pub(crate) async fn open_default() -> (WebSocketStream<DuplexStream>, Peer) {
    open(4096, Handshake::new("h", "/")).await
}

/// Writes 1,000 bytes on another task, which waits until the peer reads. Returns the half that reads, and the task.
pub(crate) async fn write_on_another_task(
    websocket: WebSocketStream<DuplexStream>,
) -> (ReadHalf<WebSocketStream<DuplexStream>>, JoinHandle<io::Result<()>>) {
    let (reader, mut writer) = tokio::io::split(websocket);
    let writing = tokio::spawn(async move {
        writer.write_all(&[1; 1000]).await?;
        writer.flush().await
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    (reader, writing)
}

pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// A 101 that fits the request.
pub(crate) fn switching(request: &str, more: &str) -> String {
    let accept = derive_accept_key(header(request, "Sec-WebSocket-Key").unwrap().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// An unmasked frame, as a server sends it.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(short),
        _ => {
            frame.push(126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(FIN | CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Fails a test that would hang. Time is virtual: nobody waits.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("comes to an end")
}

/// The cause that a stream's error carries, as TLS errors do.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is no good")]
pub(crate) struct Cause;

pub(crate) fn has_cause(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<Cause>())
}

/// A stream that fails with a [`Cause`] where its inner stream ends or breaks.
pub(crate) struct EndsBadly<S>(pub(crate) S);

fn bad_end() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Cause)
}

impl<S: AsyncRead + Unpin> AsyncRead for EndsBadly<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buf))?;
        Poll::Ready(if buf.filled().len() == before {
            Err(bad_end())
        } else {
            Ok(())
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for EndsBadly<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf).map_err(|_| bad_end())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

//! The WebSocket adapter: a message out, and a message in.

use provisioning_websocket::{Handshake, WebSocketStream, connect};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::{self, Runtime},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

/// As long as a usual MQTT packet, and both of its frames: from the device with a mask, from the service without.
const PAYLOAD: [u8; 100] = [7; 100];

/// An open WebSocket, and its other end.
pub(crate) struct Echo {
    runtime: Runtime,
    near: WebSocketStream<DuplexStream>,
    far: DuplexStream,
}

impl Echo {
    /// Opens it.
    pub(crate) fn open() -> Self {
        let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
        let (near, far) = duplex(4096);
        let handshake = Handshake::new("example.org", "/").with_subprotocol("mqtt");
        let (near, far) = runtime.block_on(async {
            let far = tokio::spawn(async {
                #[expect(clippy::result_large_err, reason = "tungstenite's")]
                let choose = |_: &Request, mut response: Response| {
                    let headers = response.headers_mut();
                    headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
                    Ok(response)
                };
                accept_hdr_async(far, choose).await.expect("a handshake").into_inner()
            });
            (
                connect(near, &handshake).await.expect("a WebSocket"),
                far.await.expect("the other end"),
            )
        });
        Self { runtime, near, far }
    }

    /// Writes a message and reads one.
    pub(crate) fn exchange(&mut self) {
        let Self { runtime, near, far } = self;
        runtime.block_on(async {
            near.write_all(&PAYLOAD).await.expect("a WebSocket");
            near.flush().await.expect("a WebSocket");
            let mut frame = [0; 2 + 4 + PAYLOAD.len()];
            far.read_exact(&mut frame).await.expect("a frame");
            far.write_all(&[0x82, 100]).await.expect("a stream");
            far.write_all(&PAYLOAD).await.expect("a stream");
            let mut message = [0; PAYLOAD.len()];
            near.read_exact(&mut message).await.expect("a message");
        });
    }
}

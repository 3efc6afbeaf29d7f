//! The same packets in WebSocket messages.

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use rumqttc::Packet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig},
};
use tokio_util::codec::Decoder;

use crate::{
    Packets, Result,
    exchange::{codec, encoded},
};

struct WebSocket<S> {
    messages: WebSocketStream<S>,
    incoming: BytesMut,
}

/// Opens a WebSocket over the stream to `host:port`.
///
/// # Errors
/// The service does not accept it.
pub async fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: S, host: &str) -> Result<impl Packets> {
    let mut request = format!("wss://{host}/$iothub/websocket").into_client_request()?;
    let protocol = HeaderValue::from_static("mqtt");
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    // The defaults are made for large messages: 128 KiB each.
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    let (messages, _) = client_async_with_config(request, stream, Some(config)).await?;
    Ok(WebSocket {
        messages,
        incoming: BytesMut::new(),
    })
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets for WebSocket<S> {
    async fn send<const COUNT: usize>(&mut self, packets: [Packet; COUNT]) -> Result<()> {
        let bytes = encoded(packets)?;
        Ok(self.messages.send(Message::Binary(bytes.freeze())).await?)
    }

    async fn next(&mut self) -> Result<Packet> {
        loop {
            if let Some(packet) = codec().decode(&mut self.incoming)? {
                return Ok(packet);
            }
            match self.messages.next().await.ok_or("the service hung up")?? {
                Message::Binary(bytes) => self.incoming.extend_from_slice(&bytes),
                _ => return Err("no binary message".into()),
            }
        }
    }

    async fn close(mut self) -> Result<()> {
        Ok(self.messages.close(None).await?)
    }
}

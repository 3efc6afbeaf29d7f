//! MQTT packets over a byte stream.

use std::task::{Context, Poll};

use futures_util::{SinkExt, StreamExt, future::poll_fn};
use provisioning_net::{BoxedStream, connection_error};
use provisioning_types::TransportError;
use rumqttc::Packet;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::Framed;

use super::{codec::ClientCodec, error};

pub(super) type MqttStream = Framed<BoxedStream, ClientCodec>;

/// Queues a packet to be written; [`poll_flush`] writes it.
pub(super) fn queue(framed: &mut MqttStream, packet: Packet) -> Result<(), TransportError> {
    framed.start_send_unpin(packet).map_err(error::from_wire)
}

/// Writes what is queued.
pub(super) fn poll_flush(framed: &mut MqttStream, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
    SinkExt::<Packet>::poll_flush_unpin(framed, cx).map_err(error::from_wire)
}

/// Sends DISCONNECT, and closes the stream.
pub(super) async fn disconnect(framed: &mut MqttStream) -> Result<(), TransportError> {
    queue(framed, Packet::Disconnect)?;
    poll_fn(|cx| poll_flush(framed, cx)).await?;
    framed.get_mut().shutdown().await.map_err(connection_error)
}

/// Reads the next packet, after writing came to `flushed`.
pub(super) fn poll_read(
    framed: &mut MqttStream,
    flushed: Poll<Result<(), TransportError>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Packet, TransportError>> {
    // Read even when writing failed: why the peer hung up (a TLS alert, say) may have arrived before that.
    match framed.poll_next_unpin(cx) {
        Poll::Ready(Some(packet)) => Poll::Ready(packet.map_err(error::from_wire)),
        Poll::Ready(None) => Poll::Ready(Err(error::ended())),
        Poll::Pending => match flushed {
            Poll::Ready(Err(cause)) => Poll::Ready(Err(cause)),
            _ => Poll::Pending,
        },
    }
}

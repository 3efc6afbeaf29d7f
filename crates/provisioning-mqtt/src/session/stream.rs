//! MQTT packets over a byte stream.

use std::task::{Context, Poll};

use futures_util::{SinkExt, StreamExt};
use provisioning_net::BoxedStream;
use provisioning_types::TransportError;
use rumqttc::Packet;
use tokio_util::codec::Framed;

use super::{codec::ClientCodec, error};

pub(super) type MqttStream = Framed<BoxedStream, ClientCodec>;

/// Queues a packet to be written; [`poll_packet`] flushes it.
pub(super) fn queue(framed: &mut MqttStream, packet: Packet) -> Result<(), TransportError> {
    framed.start_send_unpin(packet).map_err(error::from_wire)
}

/// Writes what is queued, and reads the next packet unless more than `read_limit` bytes still wait to be written.
pub(super) fn poll_packet(
    framed: &mut MqttStream,
    read_limit: usize,
    cx: &mut Context<'_>,
) -> Poll<Result<Packet, TransportError>> {
    let flushed = SinkExt::<Packet>::poll_flush_unpin(framed, cx);
    if flushed.is_pending() && framed.write_buffer().len() > read_limit {
        return Poll::Pending;
    }
    // Read even when writing failed: why the peer hung up (a TLS alert, say) may have arrived before that.
    match framed.poll_next_unpin(cx) {
        Poll::Ready(Some(packet)) => Poll::Ready(packet.map_err(error::from_wire)),
        Poll::Ready(None) => Poll::Ready(Err(error::ended())),
        Poll::Pending => match flushed {
            Poll::Ready(Err(cause)) => Poll::Ready(Err(error::from_wire(cause))),
            _ => Poll::Pending,
        },
    }
}

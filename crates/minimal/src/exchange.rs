//! The packets of one registration, one after the other.

use bytes::BytesMut;
use rumqttc::{Codec, Connect, Packet, PubAck, Publish, QoS, Subscribe, Unsubscribe};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder};

use crate::{Login, Result};

const RESPONSES: &str = "$dps/registrations/res/#";
/// The client makes a new one for each request.
const REQUEST_ID: &str = "0123456789abcdef0123456789abcdef";

/// Sends and receives whole packets.
#[expect(async_fn_in_trait, reason = "it is used with types that are known")]
pub trait Packets {
    /// Sends packets at once, in one write.
    async fn send<const COUNT: usize>(&mut self, packets: [Packet; COUNT]) -> Result<()>;
    /// The next packet of the service.
    async fn next(&mut self) -> Result<Packet>;
    /// Closes the stream below.
    async fn close(self) -> Result<()>;
}

/// Packets over a byte stream.
#[derive(Debug)]
pub struct OverStream<S> {
    stream: S,
    incoming: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets for OverStream<S> {
    async fn send<const COUNT: usize>(&mut self, packets: [Packet; COUNT]) -> Result<()> {
        let bytes = encoded(packets)?;
        self.stream.write_all(&bytes).await?;
        Ok(self.stream.flush().await?)
    }

    async fn next(&mut self) -> Result<Packet> {
        loop {
            if let Some(packet) = codec().decode(&mut self.incoming)? {
                return Ok(packet);
            }
            self.incoming.reserve(512);
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err("the service hung up".into());
            }
        }
    }

    async fn close(mut self) -> Result<()> {
        Ok(self.stream.shutdown().await?)
    }
}

/// The packets, one after the other.
pub(crate) fn encoded<const COUNT: usize>(packets: [Packet; COUNT]) -> Result<BytesMut> {
    let mut bytes = BytesMut::new();
    for packet in packets {
        codec().encode(packet, &mut bytes)?;
    }
    Ok(bytes)
}

pub(crate) fn codec() -> Codec {
    Codec {
        max_incoming_size: 1024 * 1024,
        max_outgoing_size: usize::MAX,
    }
}

/// A registration in progress.
#[derive(Debug)]
pub struct Exchange<P> {
    packets: P,
    answer: Publish,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<OverStream<S>> {
    /// Registers over a byte stream.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn over(stream: S, login: &Login) -> Result<Self> {
        let incoming = BytesMut::new();
        Self::begin(OverStream { stream, incoming }, login).await
    }
}

impl<P: Packets> Exchange<P> {
    /// Connects, subscribes, sends the request, and waits for the first response to it.
    ///
    /// # Errors
    /// The connection ends, or the service answers with another packet.
    pub async fn begin(mut packets: P, login: &Login) -> Result<Self> {
        let mut connect = Connect::new(&login.registration_id);
        connect.keep_alive = 180;
        connect.set_login(login.user_name(), &login.password);
        packets.send([Packet::Connect(connect)]).await?;
        let Packet::ConnAck(_) = packets.next().await? else {
            return Err("no CONNACK".into());
        };
        let mut subscribe = Subscribe::new(RESPONSES, QoS::AtLeastOnce);
        subscribe.pkid = 1;
        packets.send([Packet::Subscribe(subscribe)]).await?;
        let Packet::SubAck(_) = packets.next().await? else {
            return Err("no SUBACK".into());
        };
        let topic = format!("$dps/registrations/PUT/iotdps-register/?$rid={REQUEST_ID}");
        let body = format!(r#"{{"registrationId":"{}"}}"#, login.registration_id);
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, body);
        publish.pkid = 2;
        packets.send([Packet::Publish(publish)]).await?;
        let answer = loop {
            match packets.next().await? {
                Packet::Publish(answer) => break answer,
                Packet::PubAck(_) => {}
                _ => return Err("no response".into()),
            }
        };
        Ok(Self { packets, answer })
    }

    /// The body of the response.
    ///
    /// # Errors
    /// The device is not assigned.
    pub fn assigned(&self) -> Result<&[u8]> {
        if self.answer.topic.starts_with("$dps/registrations/res/200/") {
            Ok(&self.answer.payload)
        } else {
            Err("the device is not assigned".into())
        }
    }

    /// Acknowledges the response.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn acknowledge(&mut self) -> Result<()> {
        self.packets.send([self.acknowledgement()]).await
    }

    /// Acknowledges the response, unsubscribes and disconnects.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn leave(mut self) -> Result<()> {
        let mut unsubscribe = Unsubscribe::new(RESPONSES);
        unsubscribe.pkid = 3;
        let burst = [
            self.acknowledgement(),
            Packet::Unsubscribe(unsubscribe),
            Packet::Disconnect,
        ];
        self.packets.send(burst).await?;
        self.packets.close().await
    }

    /// The service sends its responses with QoS 1.
    fn acknowledgement(&self) -> Packet {
        Packet::PubAck(PubAck::new(self.answer.pkid))
    }
}

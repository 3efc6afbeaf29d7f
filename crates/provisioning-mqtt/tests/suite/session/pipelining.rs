//! What is sent before the packets in front of it were answered, in each mode.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use provisioning_mqtt::{MqttOptions, Pipelining};
use provisioning_net::{BoxedStream, Connector, Target};
use provisioning_types::{ErrorKind, Phase, PollingTransport, Progress, Request, TransportError};
use rumqttc::Packet;
use test_support::{in_memory, settle};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};

use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Device, request, transport},
    peer::{Peer, accepted, answer_topic, encoded, granted, publish},
};

fn device(pipelining: Pipelining) -> Device {
    Device::with_options(MqttOptions::default().with_pipelining(pipelining))
}

/// Whether the device waits for an answer.
async fn is_quiet(peer: &mut Peer) -> bool {
    settle().await;
    timeout(Duration::ZERO, peer.packet()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn each_mode_waits_for_the_answers_that_it_names() {
    for (pipelining, waits_for_connack, waits_for_suback) in [
        (Pipelining::Off, true, true),
        (Pipelining::AfterConnack, true, false),
        (Pipelining::Full, false, false),
    ] {
        let device = device(pipelining);
        let register = device.register();
        let mut peer = device.peer().await;
        assert!(matches!(peer.packet().await, Packet::Connect(_)));
        if waits_for_connack {
            assert!(is_quiet(&mut peer).await, "{pipelining}");
            peer.send(accepted()).await;
        }
        let subscribe = peer.subscription().await;
        assert_eq!(subscribe.pkid, 1);
        if waits_for_suback {
            assert!(is_quiet(&mut peer).await, "{pipelining}");
            peer.grant(&subscribe).await;
        }
        let request = peer.request().await;
        assert_eq!(request.packet_id, 2);
        if !waits_for_connack {
            peer.send(accepted()).await;
        }
        if !waits_for_suback {
            peer.grant(&subscribe).await;
        }
        peer.acknowledge(&request).await;
        peer.answer(&request, "202", ASSIGNING).await;
        register.success().await;
        // The connection is established: the next request uses it.
        let query = device.query("4.op");
        let request = peer.request().await;
        peer.answer(&request, "200", ASSIGNED).await;
        query.success().await;
        assert!(device.made_no_connection().await);
    }
}

/// What the service does instead of going on.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    Bytes(&'static [u8]),
    Close,
    Answer(&'static str),
}

/// The error when the service refuses at this packet: 0 for CONNECT, 1 for SUBSCRIBE, 2 for the request.
async fn refused(pipelining: Pipelining, at: usize, refusal: Refusal) -> TransportError {
    let device = device(pipelining);
    let register = device.register();
    let mut peer = device.peer().await;
    for step in 0..=at {
        let packet = peer.packet().await;
        match (refusal, packet) {
            (Refusal::Bytes(bytes), _) if step == at => peer.send_bytes(bytes).await,
            (Refusal::Close, _) if step == at => break,
            (Refusal::Answer(status), Packet::Publish(request)) => {
                let id = request.topic.split_once("$rid=").expect("an id").1.to_owned();
                peer.send(publish(&answer_topic(status, &id), 7, "")).await;
            }
            (_, Packet::Connect(_)) => peer.send(accepted()).await,
            (_, Packet::Subscribe(subscribe)) => peer.grant(&subscribe).await,
            (_, other) => panic!("{other:?}"),
        }
    }
    if let Refusal::Close = refusal {
        drop(peer);
    }
    register.error().await
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_any_step_is_the_same_error_in_every_mode() {
    let cases = [
        (0, Refusal::Bytes(&[0x20, 2, 0, 1]), ErrorKind::Refused, Phase::Connect),
        (0, Refusal::Bytes(&[0x20, 2, 0, 3]), ErrorKind::Service, Phase::Connect),
        (
            0,
            Refusal::Bytes(&[0x20, 2, 0, 4]),
            ErrorKind::Unauthorized,
            Phase::Connect,
        ),
        (
            0,
            Refusal::Bytes(&[0x20, 2, 0, 5]),
            ErrorKind::Unauthorized,
            Phase::Connect,
        ),
        (0, Refusal::Bytes(&[0x20, 2, 0, 77]), ErrorKind::Refused, Phase::Connect),
        (
            0,
            Refusal::Bytes(&[0x90, 3, 0, 1, 1]),
            ErrorKind::UnexpectedResponse,
            Phase::Connect,
        ),
        (
            0,
            Refusal::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            ErrorKind::UnexpectedResponse,
            Phase::Connect,
        ),
        (0, Refusal::Close, ErrorKind::Lost, Phase::Connect),
        (
            1,
            Refusal::Bytes(&[0x90, 3, 0, 1, 0x80]),
            ErrorKind::Refused,
            Phase::Subscribe,
        ),
        (
            1,
            Refusal::Bytes(&[0x40, 2, 0, 1]),
            ErrorKind::UnexpectedResponse,
            Phase::Subscribe,
        ),
        (1, Refusal::Close, ErrorKind::Lost, Phase::Subscribe),
        (
            2,
            Refusal::Bytes(&[0x90, 3, 0, 2, 1]),
            ErrorKind::UnexpectedResponse,
            Phase::Register,
        ),
        (2, Refusal::Close, ErrorKind::Lost, Phase::Register),
        (2, Refusal::Answer("401"), ErrorKind::Unauthorized, Phase::Register),
    ];
    for (at, refusal, kind, phase) in cases {
        let off = refused(Pipelining::Off, at, refusal).await;
        assert_eq!((off.kind(), off.phase()), (kind, Some(phase)), "{refusal:?}");
        for pipelining in [Pipelining::AfterConnack, Pipelining::Full] {
            assert_eq!(refused(pipelining, at, refusal).await, off, "{pipelining}, {refusal:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_overtakes_suback_counts() {
    for pipelining in [Pipelining::AfterConnack, Pipelining::Full] {
        let device = device(pipelining);
        let register = device.register();
        let mut peer = device.peer().await;
        peer.accept().await;
        let subscribe = peer.subscription().await;
        let request = peer.request().await;
        peer.answer(&request, "202", ASSIGNING).await;
        register.success().await;
        peer.send(granted(&subscribe)).await;
        let query = device.query("4.op");
        let request = peer.request().await;
        peer.answer(&request, "200", ASSIGNED).await;
        query.success().await;
    }
}

/// The lengths of CONNECT and SUBSCRIBE, as the device sends them.
async fn lengths() -> (usize, usize) {
    let device = device(Pipelining::Full);
    let _register = device.register();
    let mut peer = device.peer().await;
    let connect = encoded(&peer.packet().await).len();
    (connect, encoded(&peer.packet().await).len())
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_cancelled_before_it_was_written_is_not_sent() {
    // The stream takes CONNECT and SUBSCRIBE, and not the request behind them.
    let (connect, subscribe) = lengths().await;
    for taken in [10, connect, connect + subscribe] {
        let options = MqttOptions::default().with_pipelining(Pipelining::Full);
        let device = Device::narrow_with(taken, options);
        let register = device.register();
        let mut peer = device.peer().await;
        settle().await;
        device.transport.abort();
        register.error().await;
        let sent = peer.rest().await;
        assert!(!sent.windows(4).any(|bytes| bytes == b"$rid"), "{taken}: {sent:?}");
        assert_eq!(sent.len() < connect, taken < connect, "{taken}: {}", sent.len());
    }
}

/// Records each write of the stream.
struct Writes<S>(S, Arc<Mutex<Vec<Vec<u8>>>>);

impl<S: AsyncRead + Unpin> AsyncRead for Writes<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Writes<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.lock().expect("no panic").push(bytes.to_vec());
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Connects with another connector, and records the writes.
struct Recording<C>(C, Arc<Mutex<Vec<Vec<u8>>>>);

#[async_trait::async_trait]
impl<C: Connector> Connector for Recording<C> {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let stream = self.0.connect(target, progress).await?;
        Ok(Box::new(Writes(stream, Arc::clone(&self.1))))
    }
}

/// The first byte of a packet says what it is; in each write, that of every packet.
fn first_bytes(write: &[u8]) -> Vec<u8> {
    let (mut rest, mut first) = (write, Vec::new());
    while let [byte, length, ..] = *rest {
        let (length, header) = match length {
            ..128 => (usize::from(length), 2),
            _ => (usize::from(length & 0x7f) + 128 * usize::from(rest[2]), 3),
        };
        first.push(byte);
        rest = &rest[header + length..];
    }
    first
}

#[tokio::test(start_paused = true)]
async fn packets_that_are_sent_together_are_one_write() {
    const CONNECT: u8 = 0x10;
    const SUBSCRIBE: u8 = 0x82;
    const PUBLISH: u8 = 0x32;
    const LAST: &[u8] = &[0x40, 0xa2, 0xe0];
    for (pipelining, expected) in [
        (Pipelining::Off, vec![&[CONNECT][..], &[SUBSCRIBE], &[PUBLISH], LAST]),
        (Pipelining::AfterConnack, vec![&[CONNECT], &[SUBSCRIBE, PUBLISH], LAST]),
        (Pipelining::Full, vec![&[CONNECT, SUBSCRIBE, PUBLISH], LAST]),
    ] {
        let (connector, incoming) = in_memory();
        let writes = Arc::default();
        let connector = Recording(connector, Arc::clone(&writes));
        let transport = transport(connector, MqttOptions::default().with_pipelining(pipelining));
        let request = request();
        let registering = async {
            let response = transport.send(&request, &Request::Register, Progress::ignored()).await;
            response.expect("a response");
            transport.disconnect().await.expect("disconnected");
        };
        let serving = async {
            let mut peer = Peer::new(incoming.next().await);
            peer.welcome().await;
            let request = peer.request().await;
            peer.acknowledge(&request).await;
            peer.answer(&request, "202", ASSIGNING).await;
            peer.left().await;
        };
        tokio::join!(registering, serving);
        let writes = writes.lock().expect("no panic");
        let writes: Vec<_> = writes.iter().map(|write| first_bytes(write)).collect();
        assert_eq!(writes, expected, "{pipelining}");
    }
}

//! Cancels at random instants over sockets, each followed at once by a registration of the same client.

use std::{
    collections::HashSet,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::poll;
use provisioning_device::{
    BoxedStream, Connector, ErrorKind, Policy, Progress, ProvisioningDeviceClient, Scheme, SymmetricKey, Target, Tls,
    Transport, TransportError, TrustedRoots, async_trait,
};
use provisioning_emulator::{Direction, Emulator, LogEntry, LogKind};
use provisioning_net::{TcpConnector, TlsConnector, WebSocketConnector};
use rumqttc::{Codec, Packet};
use test_support::{
    emulator::{local_dps, start},
    soon,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime,
    task::{JoinSet, yield_now},
    time::{Instant, sleep},
};
use tokio_util::{bytes::BytesMut, codec::Decoder};

use crate::support;

/// Both transports on both runtimes make 1,000.
const CANCELS_EACH: usize = 250;
/// The clients that cancel at the same time.
const CLIENTS: usize = 10;

#[tokio::test]
async fn nothing_is_sent_after_500_cancels_at_random_instants_on_one_thread_and_each_next_registration_is_assigned() {
    for transport in support::BOTH {
        cancel_at_random_instants(transport).await;
    }
}

#[test]
fn nothing_is_sent_after_500_cancels_at_random_instants_on_two_threads_and_each_next_registration_is_assigned() {
    // The name keeps the recorder of other tests from recording these threads.
    let mut runtime = runtime::Builder::new_multi_thread();
    let runtime = runtime
        .worker_threads(2)
        .thread_name(module_path!())
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        for transport in support::BOTH {
            cancel_at_random_instants(transport).await;
        }
    });
}

/// The seed of a failed run can be given instead of a random one: `CANCEL_SEED=… cargo test`.
fn seed() -> u64 {
    let given = std::env::var("CANCEL_SEED").ok();
    given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a number"))
}

async fn cancel_at_random_instants(transport: Transport) {
    let emulator = Arc::new(start(local_dps().polls_before_assigning(2)).await);
    let (seed, mut clients) = (seed(), JoinSet::new());
    for number in 0..CLIENTS {
        let (emulator, random) = (Arc::clone(&emulator), fastrand::Rng::with_seed(seed + number as u64));
        clients.spawn(async move { cancels_of_one_client(&emulator, transport, number, random).await });
    }
    let cancels = soon("the end of all clients", clients.join_all()).await.concat();
    soon("the end of all connections", async {
        while !have_connections_ended(&emulator) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for cancel in &cancels {
        cancel.check(&emulator, seed);
    }
    let in_time = cancels.iter().filter(|cancel| cancel.was_in_time).count();
    assert_eq!(cancels.len(), CANCELS_EACH);
    assert!(
        in_time > CANCELS_EACH / 2,
        "seed {seed}: {in_time} cancels were in time"
    );
}

/// What a cancel and the registration after it left behind.
#[derive(Clone)]
struct Cancel {
    device: String,
    /// The requests whose last byte had been handed to the byte stream when the cancel returned.
    sent_before: HashSet<String>,
    /// The operation of the registration after the cancel.
    next_operation: String,
    /// Whether the cancelled registration had not been assigned before.
    was_in_time: bool,
}

/// Cancels a registration of each of its devices, at an instant of the time that a registration takes.
async fn cancels_of_one_client(
    emulator: &Emulator,
    transport: Transport,
    number: usize,
    mut random: fastrand::Rng,
) -> Vec<Cancel> {
    let (calibrating, _) = client(emulator, transport, &format!("calibrating-{number}"));
    let (mut duration, _) = timed(&calibrating).await;
    let mut cancels = vec![];
    for turn in 0..CANCELS_EACH / CLIENTS {
        let device = format!("device-{number}-{turn}");
        let (client, sent) = client(emulator, transport, &device);
        let mut first = Box::pin({
            let client = client.clone();
            async move { client.register().await }
        });
        let begun = Instant::now();
        // A registration that has not begun yet is not cancelled.
        assert!(poll!(first.as_mut()).is_pending());
        let first = tokio::spawn(first);
        let instant = duration.mul_f64(random.f64());
        // Tokio's timer counts milliseconds, and fires when no other task is to run.
        while begun.elapsed() < instant {
            yield_now().await;
        }
        client.cancel().await.expect("cancelled in time");
        let sent_before = sent.lock().expect("no panic").clone();
        let (took, next_operation) = timed(&client).await;
        duration = took;
        let first = first.await.expect("no panic");
        if let Err(error) = &first {
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        }
        cancels.push(Cancel {
            device,
            sent_before,
            next_operation,
            was_in_time: first.is_err(),
        });
    }
    cancels
}

/// Registers; returns how long that took, and the operation.
async fn timed(client: &ProvisioningDeviceClient) -> (Duration, String) {
    let begun = Instant::now();
    let assignment = client.register().await.expect("assigned");
    let operation = assignment.operation_id().expect("an operation");
    (begun.elapsed(), operation.to_owned())
}

impl Cancel {
    /// The requests that the emulator received, apart from those sent before the cancel returned, are those of the next
    /// registration: one registration request, and queries of its operation.
    fn check(&self, emulator: &Emulator, seed: u64) {
        let device = &self.device;
        let operation = format!("operationId={}", self.next_operation);
        let log = emulator.log();
        let received = log.iter().filter(|entry| is_request_of(device, entry));
        let topics = received.filter_map(|entry| entry.topic.as_deref());
        let after: Vec<_> = topics.filter(|topic| !self.sent_before.contains(*topic)).collect();
        let (queries, requests): (Vec<&str>, Vec<&str>) =
            after.iter().partition(|topic| topic.contains("operationId="));
        assert_eq!(requests.len(), 1, "seed {seed}, {device}: {after:#?}");
        assert!(
            queries.iter().all(|topic| topic.contains(&operation)),
            "seed {seed}, {device}, {operation}: {after:#?}"
        );
    }
}

fn is_request_of(device: &str, entry: &LogEntry) -> bool {
    entry.kind == LogKind::Publish
        && entry.direction == Direction::In
        && entry.registration_id.as_deref() == Some(device)
}

fn have_connections_ended(emulator: &Emulator) -> bool {
    let log = emulator.log();
    let connections = |kind| -> HashSet<_> {
        let entries = log.iter().filter(|entry| entry.kind == kind);
        entries.filter_map(|entry| entry.connection).collect()
    };
    connections(LogKind::Open).is_subset(&connections(LogKind::Close))
}

/// The topics of the PUBLISH packets of which the last byte was handed to a byte stream.
type Sent = Arc<Mutex<HashSet<String>>>;

/// A client of a device, and what it sends.
fn client(emulator: &Emulator, transport: Transport, device: &str) -> (ProvisioningDeviceClient, Sent) {
    let sent = Sent::default();
    let key = emulator.device_key(device).expect("a key of the group");
    let key = SymmetricKey::from_base64(&key).expect("a key");
    let roots = TrustedRoots::from_pem(emulator.ca_pem().as_bytes()).expect("a CA");
    let tls = TlsConnector::over(TcpConnector::default(), Tls::new().with_only_roots(roots));
    let connector: Box<dyn Connector> = match transport {
        Transport::Mqtt => Box::new(tls),
        _ => Box::new(WebSocketConnector::new(tls)),
    };
    let connector = Recording {
        connector,
        sent: Arc::clone(&sent),
    };
    let builder = support::builder(emulator, key, transport)
        .with_registration_id(device)
        .with_policy(Policy::default().with_wait_floor(Duration::from_millis(1)))
        .with_connector(connector);
    (builder.build().expect("valid"), sent)
}

/// Records what is sent over the streams of a connector, as MQTT.
struct Recording {
    connector: Box<dyn Connector>,
    sent: Sent,
}

#[async_trait]
impl Connector for Recording {
    fn scheme(&self) -> Scheme {
        self.connector.scheme()
    }

    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        Ok(Box::new(RecordingStream {
            stream: self.connector.connect(target, progress).await?,
            bytes: BytesMut::new(),
            sent: Arc::clone(&self.sent),
        }))
    }
}

struct RecordingStream {
    stream: BoxedStream,
    /// The beginning of a packet.
    bytes: BytesMut,
    sent: Sent,
}

impl AsyncRead for RecordingStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for RecordingStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.bytes.extend_from_slice(&bytes[..written]);
        let mut codec = Codec {
            max_incoming_size: 65_536,
            max_outgoing_size: 65_536,
        };
        while let Some(packet) = codec.decode(&mut self.bytes).expect("packets") {
            if let Packet::Publish(publish) = packet {
                self.sent.lock().expect("no panic").insert(publish.topic);
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

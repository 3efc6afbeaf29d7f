//! Bodies of calls without a token: they are refused by their head, and not kept.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;

use crate::load::{Result, ground::Ground, scenario::Scenario, service::Service, statistics::Durations, table::Rows};

const CALLS: usize = 300;
const SIZE: usize = 1024 * 1024;

/// What the buffers of both sockets and the 64 KiB that are discarded may take of a body, in KiB.
const TAKEN: f64 = 512.0;

/// How long a connection is observed.
const LIMIT: Duration = Duration::from_secs(40);

pub(super) struct UnauthorizedBodies;

#[async_trait]
impl Scenario for UnauthorizedBodies {
    fn name(&self) -> &'static str {
        "unauthorized-bodies"
    }

    fn about(&self) -> &'static str {
        "300 calls without a token that never finish a body of 1 MB: 401, and the end"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let mut connections = vec![];
        for _ in 0..CALLS {
            connections.push(connect(&ground.service).await?);
        }
        let watch = ground.emulator.watch_memory()?;
        // Half of them send as much as is taken, and half stall after the first bytes.
        let calls: JoinSet<_> = connections
            .into_iter()
            .zip([SIZE - 1, 10].into_iter().cycle())
            .map(|(stream, size)| call(stream, size))
            .collect();
        let calls = calls.join_all().await;
        let taken = calls.iter().map(|call| call.taken).max().unwrap_or_default() / 1024;
        let refused: Vec<_> = calls.iter().filter_map(|call| call.refused).collect();
        let closed: Vec<_> = calls.iter().filter_map(|call| call.closed).collect();
        let (refused, closed) = (Durations::from(refused), Durations::from(closed));
        rows.all("401 before the body is complete", refused.len(), CALLS);
        rows.show("401 after, the slowest", format!("{:.0} ms", refused.longest()));
        rows.all("connections that the emulator closed", closed.len(), CALLS);
        // 1 s to discard, and the time that 300 of them take on a busy machine.
        rows.at_most("closed after, the slowest", closed.longest(), 3000.0, "ms");
        rows.at_most(
            "taken of a body, the most",
            f64::from(u32::try_from(taken)?),
            TAKEN,
            "KiB",
        );
        rows.at_most("highest memory", watch.growth(), 32.0, "MiB");
        Ok(())
    }
}

async fn connect(service: &Arc<Service>) -> Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    // What is not sent yet does not count.
    socket.set_send_buffer_size(4096)?;
    let stream = socket.connect(([127, 0, 0, 1], service.control_port).into()).await?;
    service.tls_over(stream).await
}

/// What a call came to, from its start.
#[derive(Default)]
struct Call {
    refused: Option<Duration>,
    closed: Option<Duration>,
    /// Bytes of the body.
    taken: usize,
}

/// Sends `size` bytes of the body, and reads until the emulator closes the connection.
async fn call(stream: TlsStream<TcpStream>, size: usize) -> Call {
    let (mut reader, mut writer) = split(stream);
    let start = Instant::now();
    let taken = Arc::<AtomicUsize>::default();
    let taken_so_far = Arc::clone(&taken);
    let writing = tokio::spawn(async move {
        let head = format!(
            "POST /enrollments?api-version=2021-10-01 HTTP/1.1\r\nhost: localhost\r\ncontent-length: {SIZE}\r\n\r\n"
        );
        // It fails as soon as the emulator closes the connection.
        let _ = writer.write_all(head.as_bytes()).await;
        let (body, mut written) = (vec![b' '; size], 0);
        while written < size
            && let Ok(more @ 1..) = writer.write(&body[written..size.min(written + 4096)]).await
            && writer.flush().await.is_ok()
        {
            written += more;
            taken_so_far.store(written, Ordering::Relaxed);
        }
        // The connection stays open.
        pending::<()>().await;
        drop(writer);
    });
    let (mut call, mut answer) = (Call::default(), vec![]);
    let observed = timeout(LIMIT, async {
        loop {
            match reader.read_buf(&mut answer).await {
                Ok(1..) if call.refused.is_none() && answer.starts_with(b"HTTP/1.1 401 ") => {
                    call.refused = Some(start.elapsed());
                }
                Ok(1..) => {}
                Ok(0) | Err(_) => return start.elapsed(),
            }
        }
    });
    call.closed = observed.await.ok();
    writing.abort();
    call.taken = taken.load(Ordering::Relaxed);
    call
}

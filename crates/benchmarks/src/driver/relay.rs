//! A slow network: every byte arrives half a round trip later than it was sent.

use std::{io, net::Ipv4Addr, thread, time::Duration};

use benchmarks::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime, spawn,
    sync::mpsc::unbounded_channel,
    time::{Instant, sleep_until},
};

/// Much longer than the computation between two packets.
pub(super) const ROUND_TRIP: Duration = Duration::from_millis(200);

/// A running relay, in a thread that ends with the process.
pub(super) struct Relay {
    port: u16,
}

impl Relay {
    /// Starts a relay to `host:port`.
    pub(super) fn start(to: &str) -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let to = to.to_owned();
        thread::spawn(move || runtime.block_on(serve(&listener, &to)));
        Ok(Self { port })
    }

    /// `host:port` of the relay.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }
}

async fn serve(listener: &TcpListener, to: &str) {
    while let Ok((near, _)) = listener.accept().await {
        // If there is no service, the device is told by the end of the connection.
        let Ok(far) = TcpStream::connect(to).await else {
            continue;
        };
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap_or_default();
        }
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        spawn(carry(near_in, far_out));
        spawn(carry(far_in, near_out));
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    let (sender, mut pieces) = unbounded_channel::<(Instant, Vec<u8>)>();
    spawn(async move {
        while let Some((due, piece)) = pieces.recv().await {
            sleep_until(due).await;
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    });
    loop {
        let mut piece = vec![0; 16 * 1024];
        let length = from.read(&mut piece).await?;
        piece.truncate(length);
        let is_end = length == 0;
        if is_end || sender.send((Instant::now() + ROUND_TRIP / 2, piece)).is_err() {
            return Ok(());
        }
    }
}

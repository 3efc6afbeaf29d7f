//! HTTP clients that ask and never read the answers.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use crate::load::{Result, ground::Ground, http::Control, scenario::Scenario, table::Rows};

/// At the control endpoint, and as many at the page.
const CLIENTS: usize = 20;

/// How many answers each asks for: more than the buffers of its socket hold.
const REQUESTS: usize = 100;

/// Registrations that fill the log.
const DEVICES: usize = 5000;

/// How long the ends of their connections are awaited.
const CLOSE_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct NeverRead;

#[async_trait]
impl Scenario for NeverRead {
    fn name(&self) -> &'static str {
        "never-read"
    }

    fn about(&self) -> &'static str {
        "40 HTTP clients that ask for the log and never read: 10 s to take an answer"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        ground.fill_log(DEVICES).await?;
        let token = Control::new(&ground.service).token().to_owned();
        let watch = ground.emulator.watch_memory()?;
        let (mut control, mut page) = (vec![], vec![]);
        for _ in 0..CLIENTS {
            let stream = small_buffer(ground.service.control_port).await?;
            control.push(ground.service.tls_over(stream).await?);
            page.push(small_buffer(ground.service.page_port).await?);
        }
        let start = Instant::now();
        let control_asks = control.iter_mut().map(|stream| ask(stream, "/emulator/log", &token));
        let page_asks = page.iter_mut().map(|stream| ask(stream, "/state.json", ""));
        join(join_all(control_asks), join_all(page_asks)).await;
        // 10 s, and the time that answers take which fit into the buffers.
        rows.at_most(
            "closed after",
            ground.until_closed(start, CLOSE_LIMIT).await?,
            15.0,
            "s",
        );
        rows.at_most("highest memory", watch.growth(), 32.0, "MiB");
        drop((control, page));
        Ok(())
    }
}

/// A connection that takes in little without being read.
async fn small_buffer(port: u16) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    Ok(socket.connect(([127, 0, 0, 1], port).into()).await?)
}

async fn ask(stream: &mut (impl AsyncWrite + Unpin), path: &str, token: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n\r\n");
    let requests = request.repeat(REQUESTS);
    // The emulator reads no further while it writes.
    let _ = timeout(Duration::from_millis(500), async {
        stream.write_all(requests.as_bytes()).await?;
        stream.flush().await
    })
    .await;
}

//! Stands between the browser and the page: keeps the requested paths, and registers a device while the page is open.

use std::{
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use provisioning_device::ProvisioningDeviceClient;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy},
    net::{TcpListener, TcpStream},
};

/// A relay to the page, on a port of its own.
pub(super) struct Relay {
    pub(super) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    page_port: u16,
    requested: Mutex<Vec<String>>,
    /// Registers before the first request for news is passed on.
    client: Mutex<Option<ProvisioningDeviceClient>>,
}

impl Relay {
    pub(super) async fn start(page_port: u16, client: ProvisioningDeviceClient) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            page_port,
            requested: Mutex::default(),
            client: Mutex::new(Some(client)),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A browser opens connections that it never uses.
                tokio::spawn(pass_on(stream, Arc::clone(&serving)));
            }
        });
        Self { port, shared }
    }

    /// The paths that were requested so far.
    pub(super) fn requested(&self) -> Vec<String> {
        self.shared.requested.lock().expect("no panic").clone()
    }
}

/// Passes one request on, and its answer back. No request of the page has a body.
async fn pass_on(mut browser: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let (read, mut write) = browser.split();
    let mut lines = BufReader::new(read).lines();
    let request = lines.next_line().await?.unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default();
    shared.requested.lock().expect("no panic").push(path.to_owned());
    // The first poll has been answered: a registration from here on is news.
    if path.starts_with("/state.json") && !path.ends_with("after=0") {
        let client = shared.client.lock().expect("no panic").take();
        if let Some(client) = client {
            client.register().await.expect("assigned");
        }
    }
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let mut page = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.page_port)).await?;
    let head = format!("{request}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    page.write_all(head.as_bytes()).await?;
    copy(&mut page, &mut write).await?;
    Ok(())
}

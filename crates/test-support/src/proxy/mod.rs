//! A proxy in this process, over HTTP or SOCKS5: it may ask for a login, and it resolves names that only it knows.

mod http_connect;
mod socks5;

use std::sync::{Arc, Mutex};

use tokio::{io::copy_bidirectional, net::TcpStream, task::JoinSet};

use crate::serve;

pub use http_connect::accept as accept_http_connect;

/// The host that the proxy resolves, with every host below it, and `localhost`: all are this machine.
pub const SERVICE: &str = "dps.example";

/// The login of a proxy that asks for one, as it stands before the host in the proxy's URL.
pub const LOGIN: &str = "s3user:s3cret@";

/// How that login would look wherever it is shown: as text, in base64, as lists of bytes.
pub const LOGIN_SPELLINGS: [&str; 5] = [
    "s3user",
    "s3cret",
    "czN1c2VyOnMzY3JldA",
    "115, 51, 117, 115",
    "115, 51, 99, 114",
];

/// The protocol of a proxy.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// HTTP CONNECT.
    Http,
    /// SOCKS5.
    Socks5,
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    asked_for: Targets,
    _tasks: JoinSet<()>,
}

type Targets = Arc<Mutex<Vec<String>>>;

impl Proxy {
    /// Starts a proxy, which asks for [`LOGIN`] if `needs_login`.
    pub async fn start(kind: Kind, needs_login: bool) -> Self {
        let asked_for = Targets::default();
        let asked = Arc::clone(&asked_for);
        let (address, tasks) = serve("127.0.0.1", move |device| {
            let asked = Arc::clone(&asked);
            async move { tunnel(kind, needs_login, device, &asked).await.unwrap_or_default() }
        })
        .await;
        let scheme = match kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        Self {
            url: format!("{scheme}://@{address}"),
            asked_for,
            _tasks: tasks,
        }
    }

    /// Returns the proxy's URL. `login` ends with `@`, or is empty.
    pub fn url(&self, login: &str) -> String {
        self.url.replace('@', login)
    }

    /// The targets, in order, that it was asked for with a login that it accepts.
    pub fn asked_for(&self) -> Vec<String> {
        self.asked_for.lock().expect("no panic").clone()
    }
}

/// Serves one connection. How it ends does not matter.
async fn tunnel(kind: Kind, needs_login: bool, device: TcpStream, asked: &Targets) -> Option<()> {
    let connect = async |host: &str, port| {
        asked.lock().expect("no panic").push(format!("{host}:{port}"));
        let is_known = host == "localhost" || host.ends_with(SERVICE);
        let service = is_known.then(|| TcpStream::connect(("127.0.0.1", port)))?;
        Some(service.await.expect("the service listens"))
    };
    let (mut device, mut service) = match kind {
        Kind::Http => http_connect::tunnel(device, needs_login, connect).await?,
        Kind::Socks5 => socks5::tunnel(device, needs_login, connect).await?,
    };
    copy_bidirectional(&mut device, &mut service).await.ok().map(drop)
}

//! An HTTP or SOCKS5 proxy in this process. It can require a login, and it resolves names that only it knows.

use std::sync::{Arc, Mutex};

use fast_socks5::{ReplyError, server::Socks5ServerProtocol, util::target_addr::TargetAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
    task::JoinSet,
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use crate::serve;

/// A host that the proxy resolves to this machine. It does the same for every host below it and for `localhost`.
pub const SERVICE: &str = "dps.example";

/// The login that a proxy accepts, as written before the host in the proxy's URL.
pub const LOGIN: &str = "s3user:s3cret@";

/// The forms in which that login could be shown: text, base64, lists of bytes.
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
    asked_for: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts a proxy, which requires [`LOGIN`] if `needs_login`.
    pub async fn start(kind: Kind, needs_login: bool) -> Self {
        let asked_for = Arc::default();
        let asked = Arc::clone(&asked_for);
        let (address, tasks) = serve("127.0.0.1", move |device| {
            let connect = Connect(Arc::clone(&asked));
            async move {
                let tunnel = match kind {
                    Kind::Http => http(device, needs_login, connect).await,
                    // The library logs the login that it receives: that log is the proxy's, and goes nowhere.
                    Kind::Socks5 => {
                        let tunnel = socks5(device, needs_login, connect);
                        tunnel.with_subscriber(NoSubscriber::default()).await
                    }
                };
                if let Some((mut device, mut service)) = tunnel {
                    // How the connection ends does not matter.
                    let _ = copy_bidirectional(&mut device, &mut service).await;
                }
            }
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

    /// Returns the targets of the requests with an accepted login, in order.
    pub fn asked_for(&self) -> Vec<String> {
        self.asked_for.lock().expect("no panic").clone()
    }
}

/// Records a target, and connects to it.
struct Connect(Arc<Mutex<Vec<String>>>);

impl Connect {
    async fn to(self, host: &str, port: u16) -> Option<TcpStream> {
        self.0.lock().expect("no panic").push(format!("{host}:{port}"));
        let is_known = host == "localhost" || host.ends_with(SERVICE);
        let service = is_known.then(|| TcpStream::connect(("127.0.0.1", port)))?;
        Some(service.await.expect("the service listens"))
    }
}

/// Opens a tunnel, unless the login is missing or the target is unknown.
async fn http(mut device: TcpStream, needs_login: bool, connect: Connect) -> Option<(TcpStream, TcpStream)> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(device.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("text");
    let target = head.strip_prefix("CONNECT ")?.split_once(" HTTP/1.1\r\n")?.0;
    assert!(head.contains(&format!("\r\nHost: {target}\r\n")), "{head}");
    if needs_login && !head.contains("\r\nProxy-Authorization: Basic czN1c2VyOnMzY3JldA==\r\n") {
        let refusal = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n";
        device.write_all(refusal).await.ok()?;
        return None;
    }
    let (host, port) = target.rsplit_once(':')?;
    let service = connect.to(host, port.parse().ok()?).await;
    let answer = match &service {
        Some(_) => "HTTP/1.1 200 Connection established\r\n\r\n",
        None => "HTTP/1.1 502 Unknown host\r\n\r\n",
    };
    device.write_all(answer.as_bytes()).await.ok()?;
    Some((device, service?))
}

/// Opens a tunnel, unless the login is missing or wrong, or the target is unknown.
async fn socks5(device: TcpStream, needs_login: bool, connect: Connect) -> Option<(TcpStream, TcpStream)> {
    let is_right = |user: String, password: String| format!("{user}:{password}@") == LOGIN;
    let authenticated = if needs_login {
        let accepted = Socks5ServerProtocol::accept_password_auth(device, is_right).await;
        accepted.ok()?.0
    } else {
        Socks5ServerProtocol::accept_no_auth(device).await.ok()?
    };
    let (request, _, target) = authenticated.read_command().await.ok()?;
    let (host, port) = match target {
        TargetAddr::Ip(address) => (address.ip().to_string(), address.port()),
        TargetAddr::Domain(name, port) => (name, port),
    };
    let Some(service) = connect.to(&host, port).await else {
        request.reply_error(&ReplyError::HostUnreachable).await.ok()?;
        return None;
    };
    let device = request.reply_success(service.local_addr().ok()?).await.ok()?;
    Some((device, service))
}

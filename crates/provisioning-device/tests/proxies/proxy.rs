//! Small proxies, HTTP and SOCKS5, which want a login if told to and know one host.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The host that the proxies know, with all below it. It is this machine.
pub(crate) const SERVICE: &str = "dps.example";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Http,
    Socks5,
}

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    address: String,
    asked_for: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// With `login` it wants `s3user` and `s3cret`.
    pub(crate) async fn start(kind: Kind, login: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let scheme = match kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        let address = listener.local_addr().expect("an address");
        let asked_for = Arc::new(Mutex::new(vec![]));
        let asked = Arc::clone(&asked_for);
        let task = tokio::spawn(async move {
            while let Ok((mut device, _)) = listener.accept().await {
                let asked = Arc::clone(&asked);
                tokio::spawn(async move {
                    let target = match kind {
                        Kind::Http => http_target(&mut device, login).await,
                        Kind::Socks5 => socks5_target(&mut device, login).await,
                    };
                    let Some((host, port)) = target else { return };
                    asked.lock().expect("not poisoned").push(format!("{host}:{port}"));
                    connect(kind, device, &host, port).await;
                });
            }
        });
        Self {
            address: format!("{scheme}://@{address}"),
            asked_for,
            task,
        }
    }

    /// `login` ends with `@`, or is empty.
    pub(crate) fn url(&self, login: &str) -> String {
        self.address.replace('@', login)
    }

    /// The targets, in order, that it was asked for with a login that it accepts.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        self.asked_for.lock().expect("not poisoned").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(kind: Kind, mut device: TcpStream, host: &str, port: u16) {
    let (yes, no): (&[u8], &[u8]) = match kind {
        Kind::Http => (b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 502 Unknown host\r\n\r\n"),
        Kind::Socks5 => (&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0], &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]),
    };
    if !host.ends_with(SERVICE) {
        return say(&mut device, no).await;
    }
    let mut service = TcpStream::connect(("127.0.0.1", port)).await.expect("the service");
    say(&mut device, yes).await;
    // However it ends, it is over.
    let _ = copy_bidirectional(&mut device, &mut service).await;
}

async fn http_target(device: &mut TcpStream, login: bool) -> Option<(String, u16)> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(device.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("text");
    let mut lines = head.lines();
    let target = lines.next()?.strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1")?;
    assert!(lines.any(|line| line == format!("Host: {target}")), "{head}");
    if login && !head.contains("\r\nProxy-Authorization: Basic czN1c2VyOnMzY3JldA==\r\n") {
        say(
            device,
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n",
        )
        .await;
        return None;
    }
    let (host, port) = target.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

async fn socks5_target(device: &mut TcpStream, login: bool) -> Option<(String, u16)> {
    let [5, count] = read(device, 2).await[..] else {
        return None;
    };
    let methods = read(device, count.into()).await;
    let method = if login { 2 } else { 0 };
    if !methods.contains(&method) {
        say(device, &[5, 0xff]).await;
        return None;
    }
    say(device, &[5, method]).await;
    if login {
        let expected = b"\x01\x06s3user\x06s3cret";
        let mut given = read(device, 2).await;
        given.extend(read(device, usize::from(given[1]) + 1).await);
        given.extend(read(device, usize::from(given[given.len() - 1])).await);
        let status = u8::from(given != expected);
        say(device, &[1, status]).await;
        if status != 0 {
            return None;
        }
    }
    let [5, 1, 0, 3, length] = read(device, 5).await[..] else {
        return None;
    };
    let host = String::from_utf8(read(device, length.into()).await).expect("text");
    Some((host, device.read_u16().await.ok()?))
}

async fn read(device: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    device.read_exact(&mut bytes).await.expect("a device that says it all");
    bytes
}

async fn say(device: &mut TcpStream, bytes: &[u8]) {
    device.write_all(bytes).await.expect("a device that listens");
}

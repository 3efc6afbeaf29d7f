//! The proxy's side of HTTP CONNECT.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

/// Opens the tunnel, unless the login is missing or `connect` does not know the target.
pub(super) async fn tunnel(
    mut device: TcpStream,
    needs_login: bool,
    connect: impl AsyncFnOnce(&str, u16) -> Option<TcpStream>,
) -> Option<(TcpStream, TcpStream)> {
    let (target, head) = request(&mut device).await?;
    if needs_login && !head.contains("\r\nProxy-Authorization: Basic czN1c2VyOnMzY3JldA==\r\n") {
        let refusal = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n";
        device.write_all(refusal).await.ok()?;
        return None;
    }
    let (host, port) = target.rsplit_once(':')?;
    let Some(service) = connect(host, port.parse().ok()?).await else {
        device.write_all(b"HTTP/1.1 502 Unknown host\r\n\r\n").await.ok()?;
        return None;
    };
    device.write_all(ESTABLISHED).await.ok()?;
    Some((device, service))
}

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// Accepts the CONNECT request of a device, whatever its target is.
pub async fn accept(device: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    request(device).await.expect("a request");
    device.write_all(ESTABLISHED).await.expect("the device reads");
}

/// Reads a request, and returns its target and its whole head.
async fn request(device: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(device.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("text");
    let target = head.strip_prefix("CONNECT ")?.split_once(" HTTP/1.1\r\n")?.0.to_owned();
    assert!(head.contains(&format!("\r\nHost: {target}\r\n")), "{head}");
    Some((target, head))
}

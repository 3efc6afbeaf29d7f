//! Checks the clock against that of the service: the `Date` of an HTTPS response.

use std::{
    io,
    time::{Duration, SystemTime},
};

use provisioning_device::ClockSkew;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::finding::Finding;

pub(crate) const CHECK: &str = "clock";

/// The limit for the head of a response, which is smaller.
const LARGEST_HEAD: u64 = 16 * 1024;

/// Compares this device's clock with that of the HTTP server at the other end of `stream`.
pub(crate) async fn check(stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> Finding {
    let response = request(stream, host).await;
    let now = SystemTime::now();
    match response {
        Ok(head) => compare(date(&head), now),
        Err(error) => Finding::skipped(CHECK, format!("the service did not send its time ({error})")),
    }
}

async fn request(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> io::Result<Vec<u8>> {
    let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = vec![];
    let mut stream = stream.take(LARGEST_HEAD);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        // A connection that ends early may have sent the date.
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// The `Date` in the head of a response.
fn date(head: &[u8]) -> Option<SystemTime> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok()?;
    let date = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("date"))?;
    httpdate::parse_http_date(std::str::from_utf8(date.value).ok()?.trim()).ok()
}

fn compare(service: Option<SystemTime>, now: SystemTime) -> Finding {
    let Some(service) = service else {
        return Finding::skipped(CHECK, "the response on the WebSocket's port has no date");
    };
    match ClockSkew::between(now, service) {
        Some(skew) => Finding::warning(CHECK, skew.to_string(), "set it: certificates and tokens depend on it"),
        None => {
            let off = service.duration_since(now).unwrap_or_else(|error| error.duration());
            Finding::ok(
                CHECK,
                format!(
                    "within {} s of the service's clock",
                    off.max(Duration::from_secs(1)).as_secs()
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(784_111_777);

    #[tokio::test]
    async fn the_date_of_the_service_is_requested_and_read() {
        let (device, mut service) = tokio::io::duplex(1024);
        let response = tokio::spawn(request(device, "h.example"));
        let mut request = [0; 52];
        service.read_exact(&mut request).await.expect("a request");
        assert_eq!(&request[..32], b"HEAD / HTTP/1.1\r\nHost: h.example");
        let answer = b"HTTP/1.1 404 Not Found\r\nserver: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        service.write_all(answer).await.expect("a device");
        let head = response.await.expect("no panic").expect("an answer");
        assert_eq!(date(&head), Some(SystemTime::UNIX_EPOCH + NOW));
    }

    #[test]
    fn a_response_without_a_date_is_skipped_and_a_clock_that_is_off_is_a_warning() {
        let now = SystemTime::UNIX_EPOCH + NOW;
        for head in [
            "",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate: soon\r\n\r\n",
            "\u{16}\u{3}",
        ] {
            let line = compare(date(head.as_bytes()), now).to_string();
            assert!(line.starts_with("skipped  clock"), "{head:?}: {line}");
        }
        let compared = |seconds| compare(Some(now + Duration::from_secs(seconds)), now).to_string();
        assert_eq!(compared(2), "ok       clock: within 2 s of the service's clock");
        assert!(
            compared(3600).starts_with("warning  clock: this device's clock is 1h behind the service's (set"),
            "{}",
            compared(3600)
        );
    }
}

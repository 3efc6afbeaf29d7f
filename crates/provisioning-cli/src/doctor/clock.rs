//! The service's clock, from the `Date` of an HTTPS answer.

use std::{
    io,
    time::{Duration, SystemTime},
};

use provisioning_device::ClockSkew;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::finding::Finding;

pub(super) const CHECK: &str = "clock";

/// The head of an answer is smaller; who sends more sends no answer.
const LARGEST_HEAD: u64 = 16 * 1024;

/// Compares this clock with that of the HTTP server at the other end of `stream`.
pub(super) async fn look_at(stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> Finding {
    let answer = ask(stream, host).await;
    let now = SystemTime::now();
    match answer {
        Ok(head) => judge(date(&head), now),
        Err(error) => Finding::skipped(CHECK, format!("the service did not tell the time ({error})")),
    }
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> io::Result<Vec<u8>> {
    let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = vec![];
    let mut stream = stream.take(LARGEST_HEAD);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        // Whatever came before the end is judged all the same.
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// The `Date` in the head of an answer.
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

fn judge(services: Option<SystemTime>, now: SystemTime) -> Finding {
    let Some(services) = services else {
        return Finding::skipped(CHECK, "the service's answer on the WebSocket's port had no date");
    };
    match ClockSkew::between(now, services) {
        Some(skew) => Finding::warning(CHECK, skew.to_string(), "set it: certificates and tokens depend on it"),
        None => {
            let off = services.duration_since(now).unwrap_or_else(|error| error.duration());
            Finding::ok(
                CHECK,
                format!(
                    "within {} s of the service's",
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
    async fn the_services_date_is_asked_for_and_read() {
        let (device, mut service) = tokio::io::duplex(1024);
        let asking = tokio::spawn(ask(device, "h.example"));
        let mut request = [0; 52];
        service.read_exact(&mut request).await.expect("a request");
        assert_eq!(&request[..32], b"HEAD / HTTP/1.1\r\nHost: h.example");
        let answer = b"HTTP/1.1 404 Not Found\r\nserver: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        service.write_all(answer).await.expect("a device");
        let head = asking.await.expect("no panic").expect("an answer");
        assert_eq!(date(&head), Some(SystemTime::UNIX_EPOCH + NOW));
    }

    #[test]
    fn what_tells_no_time_is_skipped_and_a_clock_that_is_off_is_a_warning() {
        let now = SystemTime::UNIX_EPOCH + NOW;
        for head in [
            "",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate: soon\r\n\r\n",
            "\u{16}\u{3}",
        ] {
            let line = judge(date(head.as_bytes()), now).to_string();
            assert!(line.starts_with("skipped  clock"), "{head:?}: {line}");
        }
        let judged = |seconds| judge(Some(now + Duration::from_secs(seconds)), now).to_string();
        assert_eq!(judged(2), "ok       clock: within 2 s of the service's");
        assert!(
            judged(3600).starts_with("warning  clock: this device's clock is 1h behind the service's (set"),
            "{}",
            judged(3600)
        );
    }
}

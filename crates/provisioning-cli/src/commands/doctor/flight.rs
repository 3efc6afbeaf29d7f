//! Sends as much as a registration would in one flight, so that a path shows itself that carries small packets only.
//!
//! The bytes register nothing and contain no credential: on the WebSocket's port they are an HTTP request with a padded
//! header, on MQTT's port a CONNECT that no server accepts ([`mqtt_probe`](provisioning_device::mqtt_probe)). Both fit
//! into one TLS record, of which a server can read nothing before all of it has arrived.

use std::{ops::RangeInclusive, time::Duration};

use provisioning_device::{ErrorKind, TlsFailure, TransportError, connection_error};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::code::Code;

/// More than one packet of Ethernet holds, and less than the head of a request that HTTP servers accept.
const SIZES: RangeInclusive<usize> = 2048..=8192;

/// What CONNECT, the topics and the fields of the request take, at most.
const WITHOUT_PAYLOAD: usize = 1024;

/// An answer is not read beyond this.
const LARGEST_ANSWER: u64 = 16 * 1024;

/// How many bytes to send in place of a registration with a payload of this length.
pub(crate) fn size(payload: usize) -> usize {
    WITHOUT_PAYLOAD
        .saturating_add(payload)
        .clamp(*SIZES.start(), *SIZES.end())
}

/// A request for the head of the root, of this size.
pub(crate) fn head_request(host: &str, size: usize) -> Vec<u8> {
    let start = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Padding: ");
    let end = "\r\n\r\n";
    let padding = size.saturating_sub(start.len() + end.len());
    format!("{start}{:-<padding$}{end}", "").into_bytes()
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Reply {
    /// What the server answered, as far as it was read.
    Answer(Vec<u8>),
    /// The end of the connection, with its reason if it was not an orderly one.
    End(Option<TransportError>),
}

/// Sends `bytes` and reads the answer until `is_complete`.
///
/// # Errors
/// No answer arrived in time, or TLS ended the connection: under TLS 1.3 a client certificate is rejected here. The code
/// says which.
pub(crate) async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
    is_complete: impl Fn(&[u8]) -> bool,
    limit: Limit<'_>,
) -> Result<Reply, (Code, TransportError)> {
    let exchanging = async {
        let mut answer = vec![];
        stream.write_all(bytes).await?;
        stream.flush().await?;
        let mut stream = stream.take(LARGEST_ANSWER);
        while !is_complete(&answer) && stream.read_buf(&mut answer).await? > 0 {}
        Ok(answer)
    };
    match timeout(limit.timeout, exchanging).await {
        Err(_) => Err((Code::DataNotAnswered, limit.stood_still(bytes.len()))),
        Ok(Ok(answer)) if answer.is_empty() => Ok(Reply::End(None)),
        Ok(Ok(answer)) => Ok(Reply::Answer(answer)),
        Ok(Err(error)) => {
            let code = match TlsFailure::of_stream(&error) {
                Some(TlsFailure::ClientCertificate) => Code::ClientCertificateRejected,
                _ => Code::TlsFailed,
            };
            match connection_error(error) {
                lost if lost.kind() == ErrorKind::Lost => Ok(Reply::End(Some(lost))),
                error => Err((code, error)),
            }
        }
    }
}

/// Whether the head of an HTTP response is complete.
pub(crate) fn is_whole_head(answer: &[u8]) -> bool {
    answer.windows(4).any(|end| end == b"\r\n\r\n")
}

/// The time for an answer, and what the error of a stand-still names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit<'a> {
    pub(crate) timeout: Duration,
    /// `host:port`.
    pub(crate) peer: &'a str,
    /// Whether TLS was to present the device's certificate.
    pub(crate) has_certificate: bool,
}

impl Limit<'_> {
    fn stood_still(self, sent: usize) -> TransportError {
        let Self {
            timeout,
            peer,
            has_certificate,
        } = self;
        let seconds = timeout.as_secs_f64();
        let message =
            format!("no answer from {peer} within {seconds} s to {sent} bytes that were sent at once after TLS");
        let hint = if has_certificate {
            "smaller packets were answered: lower the MTU, in particular in a VPN or a tunnel, and check that nothing \
             on the way holds back connections with a client certificate"
        } else {
            "smaller packets were answered: lower the MTU, in particular in a VPN or a tunnel"
        };
        TransportError::new(ErrorKind::Timeout, message).with_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use provisioning_device::mqtt_probe;
    use tokio::io::duplex;

    use super::*;

    const LIMIT: Limit<'_> = Limit {
        timeout: Duration::from_secs(12),
        peer: "h.example:8883",
        has_certificate: false,
    };

    #[test]
    fn both_requests_have_the_size_of_a_registration_within_what_servers_accept() {
        for (payload, expected) in [(0, 2048), (2000, 3024), (100_000, 8192)] {
            let size = size(payload);
            assert_eq!(size, expected);
            assert_eq!(head_request("h.example", size).len(), size);
        }
        assert!(is_whole_head(&head_request("h.example", 2048)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_timeout_whose_hint_names_the_mtu_and_the_certificate_if_there_is_one() {
        // With the small buffer the bytes cannot even be written.
        for (buffer, has_certificate) in [(64 * 1024, false), (1024, true)] {
            let (device, _service) = duplex(buffer);
            let limit = Limit {
                has_certificate,
                ..LIMIT
            };
            let (code, error) = exchange(device, &mqtt_probe::connect(2048), mqtt_probe::is_answered, limit)
                .await
                .expect_err("no answer");
            assert_eq!((code, error.kind()), (Code::DataNotAnswered, ErrorKind::Timeout));
            assert_eq!(
                error.to_string(),
                "no answer from h.example:8883 within 12 s to 2048 bytes that were sent at once after TLS"
            );
            assert!(
                error.hint().contains("lower the MTU, in particular in a VPN"),
                "{error:?}"
            );
            assert_eq!(
                error.hint().contains("client certificate"),
                has_certificate,
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_until_it_is_complete_and_an_end_is_no_answer() -> io::Result<()> {
        let (device, mut service) = duplex(64 * 1024);
        for part in [&b"\x20\x02"[..], b"\x00\x01 and more"] {
            service.write_all(part).await?;
        }
        let reply = exchange(device, &mqtt_probe::connect(2048), mqtt_probe::is_answered, LIMIT).await;
        assert!(matches!(reply, Ok(Reply::Answer(answer)) if answer.starts_with(b"\x20\x02\x00\x01")));
        let (device, service) = duplex(64 * 1024);
        drop(service);
        let reply = exchange(device, b"x", is_whole_head, LIMIT).await;
        assert!(matches!(reply, Ok(Reply::End(Some(error))) if error.kind() == ErrorKind::Lost));
        Ok(())
    }
}

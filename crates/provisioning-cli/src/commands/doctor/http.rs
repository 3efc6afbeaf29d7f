//! Reads the head of an HTTP response.

/// How much of a header is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// The value of a header in a complete head.
pub(super) fn header(head: &[u8], name: &str) -> Option<String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok()?;
    let header = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(std::str::from_utf8(header.value).ok()?.trim().to_owned())
}

/// Where a response redirects to, if it does. The service does not.
pub(super) fn redirect(head: &[u8]) -> Option<String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok()?;
    if !matches!(response.code?, 300..=399) {
        return None;
    }
    let location = header(head, "location")?;
    // Escaped: the peer chose it, and control characters would reach the terminal.
    Some(
        location
            .chars()
            .take(MAX_SHOWN_CHARS)
            .flat_map(char::escape_debug)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_has_its_target_and_other_responses_have_none() {
        let head = |status: u16| format!("HTTP/1.1 {status} x\r\nLOCATION: http://h/\u{9b}1m\r\n\r\n").into_bytes();
        assert_eq!(redirect(&head(302)).as_deref(), Some("http://h/\\u{9b}1m"));
        assert_eq!(redirect(&head(404)), None);
        assert_eq!(redirect(b"HTTP/1.1 302 Found\r\n\r\n"), None);
        assert_eq!(redirect(b"\x20\x02\x00\x01"), None);
    }
}

//! Reads the head of an HTTP response.

/// How much of a header is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// What is of interest in the head of a response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    status: u16,
    date: Option<String>,
    location: Option<String>,
}

impl Head {
    /// `None` if it is not the complete head of a response.
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let status = response.parse(head).ok()?.is_complete().then_some(response.code)??;
        let value = |name: &str| {
            let mut headers = response.headers.iter();
            let header = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
            Some(std::str::from_utf8(header.value).ok()?.trim().to_owned())
        };
        Some(Self {
            status,
            date: value("date"),
            location: value("location"),
        })
    }

    /// The time at which the response was made.
    pub(super) fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// Where the response redirects to, if it does. The service does not.
    pub(super) fn redirect(self) -> Option<String> {
        let location = self.location.filter(|_| matches!(self.status, 300..=399))?;
        Some(location.chars().take(MAX_SHOWN_CHARS).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(head: &[u8]) -> Option<String> {
        Head::parse(head).and_then(Head::redirect)
    }

    #[test]
    fn a_redirect_has_its_target_and_other_responses_have_none() {
        let head = |status: u16| format!("HTTP/1.1 {status} x\r\nLOCATION: http://h/\u{9b}1m\r\n\r\n").into_bytes();
        // The console escapes what is not printable.
        assert_eq!(redirect(&head(302)).as_deref(), Some("http://h/\u{9b}1m"));
        assert_eq!(redirect(&head(404)), None);
        assert_eq!(redirect(b"HTTP/1.1 302 Found\r\n\r\n"), None);
        assert_eq!(redirect(b"\x20\x02\x00\x01"), None);
    }

    #[test]
    fn a_long_target_is_cut_off() {
        let head = format!("HTTP/1.1 302 x\r\nLocation: {}\r\n\r\n", "ä".repeat(300));
        assert_eq!(redirect(head.as_bytes()), Some("ä".repeat(200)));
    }
}

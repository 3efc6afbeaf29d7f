//! Stands between the browser and the page: tells what was asked for, and lets something happen before an answer.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// How long either side may be silent.
const LIMIT: Duration = Duration::from_secs(60);

/// A relay on a port of its own, until the program ends.
pub(super) struct Relay {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    /// To this port. `before` is told every path before it is passed on.
    pub(super) fn to(port: u16, before: impl FnMut(&str) + Send + 'static) -> Result<Self, String> {
        let failed = |error: io::Error| format!("nothing can listen: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let relay = Self {
            port: listener.local_addr().map_err(failed)?.port(),
            asked: Arc::default(),
        };
        let (asked, before) = (Arc::clone(&relay.asked), Arc::new(Mutex::new(before)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, before) = (Arc::clone(&asked), Arc::clone(&before));
                let tell = move |path: &str| {
                    asked
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(path.to_owned());
                    let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
                    (*before)(path);
                };
                // A browser opens connections that it never uses.
                thread::spawn(move || pass_on(stream, port, tell));
            }
        });
        Ok(relay)
    }

    /// The paths that were asked for so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Passes one request on, and its answer back.
fn pass_on(mut browser: TcpStream, port: u16, tell: impl FnOnce(&str)) -> io::Result<()> {
    browser.set_read_timeout(Some(LIMIT))?;
    let head = read_head(&mut browser)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    tell(path);
    let mut page = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    page.set_read_timeout(Some(LIMIT))?;
    page.write_all(head.replace("Connection: keep-alive", "Connection: close").as_bytes())?;
    io::copy(&mut page, &mut browser)?;
    Ok(())
}

/// A request's head; none of the browser's requests here has a body.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&part[..count]),
        }
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_and_passed_on_and_its_answer_comes_back() {
        let page = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = page.local_addr().expect("its address").port();
        let served = thread::spawn(move || {
            let (mut stream, _) = page.accept().expect("a request");
            let head = read_head(&mut stream).expect("a head");
            stream.write_all(b"answer").expect("sent");
            head
        });
        let relay = Relay::to(port, |_| ()).expect("a relay");
        let mut browser = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port)).expect("a listener");
        browser
            .write_all(b"GET /a?b HTTP/1.1\r\nConnection: keep-alive\r\n\r\n")
            .expect("sent");
        let mut answer = String::new();
        browser.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer, "answer");
        assert_eq!(
            served.join().expect("served"),
            "GET /a?b HTTP/1.1\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(relay.asked(), ["/a?b"]);
    }
}

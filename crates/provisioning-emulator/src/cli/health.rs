//! `--health`: whether an emulator serves calls, for the health check of a container.

use std::{io, net::Ipv4Addr, path::Path, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{error::EmulatorError, input::read_file};

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// Asks the emulator that wrote this ready file, at its page on this machine. Returns the body of its answer.
pub(super) async fn check(ready_file: &Path) -> Result<String, EmulatorError> {
    let ready = read_file(ready_file).map_err(|source| EmulatorError::file(ready_file, source))?;
    let port = page_port(&ready).ok_or_else(|| {
        let path = ready_file.display();
        EmulatorError::InvalidFile(format!("{path} cannot be used: expected a ready file, with a pagePort"))
    })?;
    let asked = timeout(TIMEOUT, ask(port)).await;
    asked
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| EmulatorError::Unhealthy {
            address: format!("localhost:{port}"),
            source,
        })
}

fn page_port(ready: &[u8]) -> Option<u16> {
    let ready: Value = serde_json::from_slice(ready).ok()?;
    ready["pagePort"].as_u64()?.try_into().ok()
}

async fn ask(port: u16) -> io::Result<String> {
    let mut page = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    page.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    page.take(MAX_ANSWER).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.starts_with("HTTP/1.1 200 ") {
        true => Ok(body.to_owned()),
        false => Err(io::Error::other("the answer is not that of an emulator")),
    }
}

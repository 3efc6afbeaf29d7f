//! `--health`: whether an emulator serves calls, for the health check of a container.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::ready::LOCALHOST;
use crate::{error::EmulatorError, input::read_file};

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// The members of a ready file that name the page and the emulator.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    #[serde(default = "localhost")]
    page_host: String,
    page_port: u16,
    id_scope: String,
}

fn localhost() -> String {
    LOCALHOST.to_owned()
}

/// Asks the emulator that wrote this ready file, at its page on this machine. Returns the body of its answer.
pub(super) async fn check(ready_file: &Path) -> Result<String, EmulatorError> {
    let ready = read_file(ready_file).map_err(|source| EmulatorError::file(ready_file, source))?;
    let ready: Ready = serde_json::from_slice(&ready).map_err(|_| {
        let path = ready_file.display();
        EmulatorError::InvalidFile(format!(
            "{path} cannot be used: expected a ready file, with pagePort and idScope"
        ))
    })?;
    let asked = timeout(TIMEOUT, ask(&ready)).await;
    asked
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| EmulatorError::Unhealthy {
            address: format!("{}:{}", ready.page_host, ready.page_port),
            source,
        })
}

/// Asks at each address of the page's host, until one answers as expected. Returns the first error otherwise.
async fn ask(ready: &Ready) -> io::Result<String> {
    let mut failed = None;
    for address in addresses(&ready.page_host) {
        match ask_at(address, ready).await {
            Ok(body) => return Ok(body),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// The address that the page listens on, or loopback in both families if it is `localhost`, which need not be resolved.
fn addresses(host: &str) -> Vec<IpAddr> {
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) => vec![address],
        Err(_) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
    }
}

async fn ask_at(address: IpAddr, ready: &Ready) -> io::Result<String> {
    let mut page = TcpStream::connect((address, ready.page_port)).await?;
    page.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    page.take(MAX_ANSWER).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let health: Value = serde_json::from_str(body).unwrap_or_default();
    match (health["run"].is_string(), health["idScope"].as_str()) {
        (true, Some(id_scope)) if id_scope != ready.id_scope => Err(io::Error::other("another emulator answers")),
        (true, Some(_)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(io::Error::other("the answer is not that of an emulator")),
    }
}

//! The file of `--log` when it cannot be written.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::Command,
    time::timeout,
};

use crate::{
    command::{end, folder, free_ports, ready},
    support::http::send,
};

const LIMIT: Duration = Duration::from_secs(60);

/// No file may be larger than this number of bytes: 16 blocks.
const LARGEST: u64 = 8 * 1024;

/// A refused request, which has an entry of about 600 bytes.
async fn refused(page: u16) {
    let tcp = TcpStream::connect(("127.0.0.1", page)).await.expect("a listener");
    let path = "x".repeat(400);
    let request = format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(send(tcp, &request).await.status, 404);
}

/// The numbers of the entries in a log, each of which is a whole line.
fn numbers(log: &str) -> BTreeSet<u64> {
    assert!(log.ends_with('\n'), "{log}");
    let entry = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let entries = log.lines().map(entry);
    entries
        .map(|entry: Value| entry["n"].as_u64().expect("a number"))
        .collect()
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_reported_once_has_whole_lines_only_and_goes_on() {
    let dir = folder();
    let log = dir.path().join("log.jsonl");
    // A write beyond the limit is an error, and not the end of the program.
    let mut child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_dps-emulator"))
        .args(free_ports())
        .arg("--dir")
        .arg(dir.path().join("dps"))
        .arg("--log")
        .arg(&log)
        .arg("--quiet")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    let ready = ready(&mut child).await;
    let mut stderr = BufReader::new(child.stderr.take().expect("piped")).lines();
    let page = u16::try_from(ready["pagePort"].as_u64().expect("a number")).expect("a port");
    let mut warning = async || {
        let line = timeout(LIMIT, stderr.next_line()).await.expect("in time");
        line.expect("text").expect("a line")
    };

    for _ in 0..30 {
        refused(page).await;
    }
    let failed = warning().await;
    assert!(
        failed.contains("warning: the log's file cannot be written: File too large"),
        "{failed}"
    );
    let before = fs::read_to_string(&log).expect("text");
    assert!(before.len() as u64 > LARGEST / 2, "{}", before.len());
    let mut written = numbers(&before);

    File::options()
        .write(true)
        .open(&log)
        .and_then(|log| log.set_len(0))
        .expect("made room");
    refused(page).await;
    let again = warning().await;
    let (_, rest) = again
        .split_once("warning: the log's file is written again; ")
        .expect("the next line");
    let missing = rest.strip_suffix(" entries are missing in it").expect("a number");
    end(child, "TERM").await;
    written.extend(numbers(&fs::read_to_string(&log).expect("text")));
    let last = *written.last().expect("an entry");
    assert_eq!(written.len() as u64 + missing.parse::<u64>().expect("a number"), last);
    assert_eq!(
        stderr.next_line().await.expect("text"),
        None,
        "nothing else is reported"
    );
}

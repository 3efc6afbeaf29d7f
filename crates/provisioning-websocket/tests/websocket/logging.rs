//! What is logged: nothing of what is sent or received.

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{BINARY, CONTINUATION, FIN, PING, close, frame, open_default, soon};

/// Every record of the process, as text.
static RECORDS: Mutex<String> = Mutex::new(String::new());

struct Recorder;

impl Log for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        RECORDS.lock().unwrap().push_str(&line);
    }

    fn flush(&self) {}
}

#[tokio::test(start_paused = true)]
async fn nothing_of_what_is_sent_or_received_is_logged() {
    const SECRETS: [&str; 5] = [
        "sent-secret",
        "half-a-sec",
        "ret-arrived",
        "ping-secret",
        "close-secret",
    ];
    log::set_logger(&Recorder).unwrap();
    log::set_max_level(LevelFilter::Trace);
    log::trace!("the test begins");

    let (mut websocket, mut peer) = open_default().await;
    let [sent, begun, completed, pinged, closed] = SECRETS;
    websocket.write_all(sent.as_bytes()).await.unwrap();
    websocket.flush().await.unwrap();
    peer.send(
        [
            frame(BINARY, begun),
            frame(FIN | PING, pinged),
            frame(FIN | CONTINUATION, completed),
            close(1000, closed),
        ]
        .concat(),
    )
    .await;
    let mut received = Vec::new();
    soon(websocket.read_to_end(&mut received)).await.unwrap();
    assert_eq!(received, [begun, completed].concat().as_bytes());

    let records = RECORDS.lock().unwrap().clone();
    assert!(records.contains("the test begins"), "it records: {records}");
    for secret in SECRETS.map(str::as_bytes) {
        let text = String::from_utf8_lossy(secret);
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{secret:?}");
        for notation in [&*text, &hex, list.trim_matches(['[', ']'])] {
            let leak = records.lines().find(|line| line.contains(notation));
            assert_eq!(leak, None, "{text} was logged");
        }
    }
}

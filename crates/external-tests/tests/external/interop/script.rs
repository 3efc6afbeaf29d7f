//! A script that uses an SDK: it reads a question as a line of JSON, and writes the answer as another.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::support::{LocalDps, Running};

/// The time for an answer. An SDK that retries takes a few seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running script. It is killed when this is dropped.
pub(super) struct Script {
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _running: Running,
}

impl Script {
    /// Starts a script. Node trusts the emulator's CA; Python reads it from the question.
    pub(super) fn start(name: &'static str, mut command: Command, dps: &LocalDps) -> Self {
        command.env("NODE_EXTRA_CA_CERTS", dps.file("ca.pem"));
        let mut running = Running::start_piped(name, &mut command);
        let (stdin, stdout) = running.pipes();
        Self {
            stdin,
            lines: BufReader::new(stdout).lines(),
            _running: running,
        }
    }

    /// Asks, and returns the answer.
    pub(super) async fn ask(&mut self, question: &Value) -> Value {
        let asked = self.stdin.write_all(format!("{question}\n").as_bytes()).await;
        asked.expect("the script reads");
        let line = timeout(TIMEOUT, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("no answer within {TIMEOUT:?} to {question}"));
        let line = line.expect("UTF-8");
        let line = line.unwrap_or_else(|| panic!("the script ended without an answer to {question}"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }
}

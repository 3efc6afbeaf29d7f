//! A script that is asked line by line: JSON goes in, JSON comes out, each within a time limit.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::Value;

/// How long one answer may take; an SDK that retries by itself takes a few seconds.
const LIMIT: Duration = Duration::from_secs(40);

/// A running script; it is ended when this is dropped. What it says on stderr is passed through.
pub(super) struct Script {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Script {
    pub(super) fn start(name: &'static str, mut command: Command) -> Result<Self, String> {
        let failed = |error| format!("{name} could not be started: {error}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{name} cannot be talked to"));
        };
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut said = BufReader::new(stdout).lines().map_while(Result::ok);
            // Until it ends, or nobody listens any more.
            said.try_for_each(|said| line.send(said))
        });
        Ok(Self {
            name,
            child,
            stdin,
            lines,
        })
    }

    /// What it says to this.
    pub(super) fn ask(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.stdin, "{question}").map_err(|error| format!("{} has ended: {error}", self.name))?;
        self.next()
    }

    /// What it says next.
    pub(super) fn next(&mut self) -> Result<Value, String> {
        let line = self.lines.recv_timeout(LIMIT);
        let line = line.map_err(|_| format!("{} said nothing within {} s, or ended", self.name, LIMIT.as_secs()))?;
        serde_json::from_str(&line).map_err(|error| format!("{} said {line:?}: {error}", self.name))
    }

    /// All that it has said since.
    pub(super) fn rest(&mut self) -> Vec<Value> {
        let lines = self.lines.try_iter();
        lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

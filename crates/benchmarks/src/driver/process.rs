//! A process that answers questions, line by line.

use std::{
    fmt::Display,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use benchmarks::Result;
use serde::{Serialize, de::DeserializeOwned};

/// A running process. It ends when this is dropped: its standard input ends.
pub(super) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    pub(super) fn start(program: &Path, argument: &impl Serialize) -> Result<Self> {
        Self::spawn(Command::new(program).arg(serde_json::to_string(argument)?))
    }

    pub(super) fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| format!("{name} could not be started: {error}"))?;
        Ok(Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().ok_or("no standard output")?),
            name,
            child,
        })
    }

    pub(super) fn ask<A: DeserializeOwned>(&mut self, question: impl Display) -> Result<A> {
        let stdin = self.stdin.as_mut().ok_or("no standard input")?;
        writeln!(stdin, "{question}").map_err(|error| format!("{} has ended: {error}", self.name))?;
        self.read()
    }

    /// The same, and there is no further question.
    pub(super) fn ask_last<A: DeserializeOwned>(mut self, question: impl Display) -> Result<A> {
        let mut stdin = self.stdin.take().ok_or("no standard input")?;
        // A program that reads nothing may have ended.
        let _ = writeln!(stdin, "{question}");
        drop(stdin);
        self.read()
    }

    pub(super) fn read<A: DeserializeOwned>(&mut self) -> Result<A> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let answer = serde_json::from_str(&line);
        Ok(answer.map_err(|_| format!("{} failed (see above)", self.name))?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stdin = None;
        // It has nothing left to do; a process that has ended already is the same.
        let _ = self.child.wait();
    }
}

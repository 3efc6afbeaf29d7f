//! `cost PROGRAM ARGUMENT…` runs a program, and writes what it cost.
//!
//! Linux counts the memory of the process that starts a program as the program's own, so this one must be small.

use std::{
    env,
    io::{BufRead, BufReader, Read, copy, sink},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use benchmarks::{
    Result,
    task::{self, Run},
    usage,
};

#[expect(clippy::disallowed_methods, reason = "nothing waits for it: it is measured")]
fn main() -> Result<()> {
    let mut words = env::args_os().skip(1);
    let program = words.next().ok_or("usage: cost PROGRAM ARGUMENT…")?;
    let start = Instant::now();
    let mut child = Command::new(&program)
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no output")?);
    let mut stderr = child.stderr.take().ok_or("no output")?;
    // Read at the same time: a program whose pipe is full waits.
    let stderr = thread::spawn(move || {
        let mut text = vec![];
        stderr.read_to_end(&mut text).map(|_| text)
    });
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    let wall = start.elapsed().as_secs_f64();
    copy(&mut stdout, &mut sink())?;
    let status = child.wait()?;
    if !status.success() {
        let stderr = stderr.join().map_err(|_| "standard error was not read")??;
        let stderr = String::from_utf8_lossy(&stderr);
        return Err(format!("{} failed, {status}: {line}{stderr}", program.to_string_lossy()).into());
    }
    let usage = usage::of_children()?;
    task::answer(&Run {
        cpu: usage.cpu.as_secs_f64(),
        wall,
        peak: f64::from(u32::try_from(usage.peak)?),
        line,
    })
}

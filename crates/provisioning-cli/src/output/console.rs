//! Standard output and standard error: everything that the program prints goes through this file.
//!
//! Text for people may come from the service, a proxy or the name of a file. It is escaped here, line by line, so that
//! it cannot control the terminal.

use std::{
    env,
    io::{self, IsTerminal, Write, stderr, stdout},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use provisioning_device::ErrorKind;
use serde::Serialize;

use super::failure::Failure;

/// The live line of [`Progress`].
static LIVE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Prints lines to standard output.
pub(crate) fn print(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Failure> {
    let lines = lines.into_iter().map(|line| escape(line.as_ref()) + "\n");
    write(lines.collect::<String>().as_bytes())
}

/// Prints one object to standard output.
pub(crate) fn print_json(object: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(object).map_err(|error| Failure::local(&error))?;
    line.push(b'\n');
    write(&line)
}

/// Writes to standard output. A reader that closed its end of the pipe is not an error.
fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            ErrorKind::Local,
            format!("this machine failed: standard output cannot be written: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Prints a line to standard error. A failed write is not an error: the exit code says how the program ended.
pub(crate) fn print_error(line: &str) {
    let line = escape(line);
    match &*live() {
        Some(live) => live.println(line),
        None => drop(stderr().write_all((line + "\n").as_bytes())),
    }
}

/// Shows the steps of a command on standard error: a live line on a terminal, plain lines otherwise.
///
/// Removes the live line on drop.
pub(crate) struct Progress(());

impl Progress {
    pub(crate) fn new() -> Self {
        let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        *live() = (stderr().is_terminal() && !is_dumb).then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
            let live = ProgressBar::new_spinner();
            live.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            live.enable_steady_tick(Duration::from_millis(100));
            live
        });
        Self(())
    }

    /// Shows a step.
    pub(crate) fn show(&self, step: &str) {
        let live = live().clone();
        match live {
            Some(live) => live.set_message(escape(step)),
            None => print_error(step),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(live) = live().take() {
            live.finish_and_clear();
        }
    }
}

fn live() -> MutexGuard<'static, Option<ProgressBar>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces each character that is not printable with its escape, such as `\n` or `\u{1b}`.
fn escape(line: &str) -> String {
    // `escape_debug` escapes these too.
    const PRINTABLE: [char; 3] = ['\\', '"', '\''];
    let mut escaped = String::with_capacity(line.len());
    for part in line.split_inclusive(PRINTABLE) {
        let text = part.trim_end_matches(PRINTABLE);
        escaped.extend(text.escape_debug());
        escaped.push_str(&part[text.len()..]);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_is_escaped_and_nothing_else() {
        for (line, expected) in [
            ("error: \"a\" isn't C:\\b", "error: \"a\" isn't C:\\b"),
            ("\u{1b}[31m\r\n\t\0\u{7f}", r"\u{1b}[31m\r\n\t\0\u{7f}"),
            (
                "\u{9b}1m \u{202e}txt\u{2066}\u{200b}\u{feff}\u{2028}",
                r"\u{9b}1m \u{202e}txt\u{2066}\u{200b}\u{feff}\u{2028}",
            ),
            ("Zürich Zu\u{308}rich नमस्ते 東京 😀", "Zürich Zu\u{308}rich नमस्ते 東京 😀"),
            ("", ""),
        ] {
            assert_eq!(escape(line), expected);
        }
    }
}

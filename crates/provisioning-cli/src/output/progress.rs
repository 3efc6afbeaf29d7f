//! Progress on standard error: one live line on a terminal, plain lines otherwise.

use std::{
    io::{IsTerminal, Write, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use provisioning_device::StatusEvent;

/// Shows the steps of a registration. Removes the live line on drop.
pub(crate) struct Progress {
    /// `None` unless standard error is a terminal.
    live: Option<ProgressBar>,
}

impl Progress {
    /// Live on a terminal, unless the log is written there too.
    pub(crate) fn new(logging: bool) -> Self {
        let live = (stderr().is_terminal() && !logging).then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
            let bar = ProgressBar::new_spinner();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { live }
    }

    /// Shows a step. The end of a registration is reported as the outcome of the command.
    pub(crate) fn show(&self, event: &StatusEvent) {
        match &self.live {
            _ if matches!(event, StatusEvent::Ended { .. }) => {}
            Some(bar) => bar.set_message(event.to_string()),
            None => self.print(&event.to_string()),
        }
    }

    /// Prints a line that stays on the screen.
    pub(crate) fn print(&self, line: &str) {
        match &self.live {
            Some(bar) => bar.println(line),
            // The reader may have closed its end.
            None => drop(writeln!(stderr(), "{line}")),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }
}

//! What happens, on standard error: one live line on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, Write, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use provisioning_device::StatusEvent;

/// Shows the steps of a registration.
pub(crate) struct Progress {
    /// `None` where standard error is no terminal.
    live: Option<ProgressBar>,
}

impl Progress {
    /// Live on a terminal, unless log lines go there too.
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

    /// Shows a step. The end of a registration is the command's result, and shown as such.
    pub(crate) fn show(&self, event: &StatusEvent) {
        match &self.live {
            _ if matches!(event, StatusEvent::Ended { .. }) => {}
            Some(bar) => bar.set_message(event.to_string()),
            None => self.say(&event.to_string()),
        }
    }

    /// Says something that must stay readable.
    pub(crate) fn say(&self, line: &str) {
        match &self.live {
            Some(bar) => bar.println(line),
            // Nobody reading is fine.
            None => drop(writeln!(stderr(), "{line}")),
        }
    }

    /// Takes the live line away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }
}

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

    /// Shows a step.
    pub(crate) fn show(&self, event: &StatusEvent) {
        let Some(line) = line(event) else { return };
        match &self.live {
            Some(bar) => bar.set_message(line),
            None => self.say(&line),
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

fn line(event: &StatusEvent) -> Option<String> {
    let seconds = |wait: &Duration| format!("{} s", (wait.as_secs_f64() * 10.0).round() / 10.0);
    Some(match event {
        StatusEvent::Connecting { uri } => format!("connecting to {uri}"),
        StatusEvent::Connected => "connected, registering".to_owned(),
        StatusEvent::Assigning { operation_id, retry_in } => {
            format!(
                "assigning (operation {operation_id}), asking again in {}",
                seconds(retry_in)
            )
        }
        StatusEvent::Throttled { status, retry_in } => {
            format!("the service answered {status}, asking again in {}", seconds(retry_in))
        }
        StatusEvent::Recovering {
            attempt,
            retry_in,
            cause,
        } => {
            format!(
                "lost the connection ({cause}), recovery {attempt} in {}",
                seconds(retry_in)
            )
        }
        StatusEvent::Assigned(assignment) => format!("assigned to {}", assignment.assigned_hub()),
        StatusEvent::DisconnectFailed { cause } => format!("leaving the service failed: {cause}"),
        _ => return None,
    })
}

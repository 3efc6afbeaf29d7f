//! Flags of timeouts and recovery.

use std::time::{Duration, Instant};

use clap::Args;

use super::durations::{seconds, whole_seconds};

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// The timeout of the whole registration, including every wait
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// The timeout of one request, including the connection that it needs
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) operation_timeout: Duration,

    /// How long to keep trying to reach the service for the first time, with back-off
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = whole_seconds, allow_negative_numbers = true)]
    pub(crate) wait_for_network: Duration,

    /// How many lost connections to recover from
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) recover: u32,

    /// When the command started: reading its inputs counts against the timeout.
    #[arg(skip = now())]
    pub(crate) started: Instant,
}

#[expect(clippy::disallowed_methods, reason = "no runtime is there while inputs are read")]
fn now() -> Instant {
    Instant::now()
}

impl Limits {
    /// The time by which the registration must end.
    pub(crate) fn deadline(&self) -> Instant {
        self.started + self.timeout
    }

    /// The timeout of the registration, less the whole seconds since the command started.
    pub(crate) fn registration_timeout(&self) -> Duration {
        self.timeout
            .saturating_sub(Duration::from_secs(self.started.elapsed().as_secs()))
    }
}

//! The words of `dps doctor`.

use clap::Args;

use super::{Output, Registration};

pub(super) const HELP: &str = "\
Each line says what was looked at, and whether it is ok, a warning, FAILED, or
skipped and why. Nothing is registered without --register. Every flag that
`dps register` takes is taken here too, and so is its environment; what is not
given is skipped. No step takes longer than 10 s, a registration --timeout.

The port of the transport that a registration would not use only warns. A port in
--host is that of MQTT, with --websocket that of the WebSocket.

Exit codes: 0 when nothing FAILED, else that of the first FAILED line, as
`dps register` would exit.";

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) registration: Registration,

    /// Register the device too
    #[arg(long, help_heading = "Service")]
    pub(crate) register: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

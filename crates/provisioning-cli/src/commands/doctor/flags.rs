//! The flags of `dps doctor`.

use clap::Args;

use crate::input::flags::Registration;

pub(crate) const HELP: &str = "\
The answer begins with the cause, if something FAILED, and a hint. Then each line is
one check: ok, warning, FAILED, or skipped and why. The device is not registered
without --register. The flags and the environment are those of
`dps register`; checks of what is not given are skipped.

Of each port three things are checked: whether it is reached, TLS with the device's
certificate, and whether as many bytes as a registration sends are answered. They
contain no credential. Each of the three takes --connect-timeout at most, 12 s unless
given; a registration takes --timeout at most.

The port of the transport that a registration would not use is never FAILED. A port
in --host is that of MQTT, or with --websocket that of the WebSocket.

Exit codes: 0 if nothing FAILED, else that of the cause; the codes are those of
`dps register`, and 1 for a clock that is wrong.";

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) registration: Registration,

    /// Register the device too
    #[arg(long, help_heading = "Service")]
    pub(crate) register: bool,
}

//! The log on standard error.

use std::io::{IsTerminal, stderr};

/// Logs to standard error if asked to; says whether it does.
pub(crate) fn start(verbose: u8) -> bool {
    use tracing_subscriber::{EnvFilter, fmt};
    let level = match verbose {
        0 => None,
        1 => Some("debug"),
        _ => Some("trace"),
    };
    let filter = match (std::env::var("RUST_LOG").ok(), level) {
        (Some(filter), _) if !filter.is_empty() => filter,
        // Frames on the wire carry credentials; whoever wants them must ask by name.
        (_, Some(level)) => format!("{level},tungstenite=info,tokio_tungstenite=info"),
        (_, None) => return false,
    };
    fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr)
        .init();
    true
}

//! The way to the service, and for how long to try.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::values::{seconds, whole_seconds};

#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// Carry MQTT over a WebSocket, on port 443
    #[arg(long)]
    pub(crate) websocket: bool,

    /// Go on with a WebSocket, on port 443, when MQTT's port is blocked
    #[arg(long, conflicts_with = "websocket")]
    pub(crate) fallback: bool,

    /// How long to try each of the two ways; 10 unless given
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true, requires = "fallback")]
    pub(crate) fallback_after: Option<Duration>,

    /// The port of the WebSocket; 443 unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) websocket_port: Option<u16>,

    /// Connect through this proxy: an http or a socks5 URL, with USER:PASSWORD@ before its host if needed
    ///
    /// User name and password are percent-encoded; others on this machine may see them in the list of processes, and
    /// not so with --proxy-from-environment. The port is 80 or 1080 unless given.
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// Connect through the proxy that the environment names
    ///
    /// It is named by https_proxy or all_proxy, and not used for the hosts in no_proxy; each in capitals too. Without
    /// this flag the environment's proxy is not used.
    #[arg(long, conflicts_with = "proxy")]
    pub(crate) proxy_from_environment: bool,

    /// Trust only the CA certificates in this PEM file, not the platform's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Trust the CA certificates in this PEM file too
    ///
    /// For a proxy that inspects TLS, beside the platform's CAs or those in --ca.
    #[arg(long, value_name = "FILE")]
    pub(crate) extra_ca: Option<PathBuf>,

    /// Speak no version of TLS below this one; 1.2 unless given
    #[arg(long, value_name = "VERSION")]
    pub(crate) tls_min: Option<TlsMin>,

    /// After how long without a packet the connection counts as dead; 0 for never, 180 unless given
    #[arg(long, value_name = "SECONDS", value_parser = whole_seconds, allow_negative_numbers = true)]
    pub(crate) keep_alive: Option<Duration>,

    /// Add this to the agent that the service is told
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent_suffix: Option<String>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TlsMin {
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// The limit of the whole registration, waits included
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// The limit of one request, connecting for it included
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) operation_timeout: Duration,

    /// How many lost connections to recover from
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) recover: u32,
}

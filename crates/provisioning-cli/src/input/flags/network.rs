//! Flags of the connection to the service.

use std::time::Duration;

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use provisioning_device::{InputFile, Pipelining};

use super::{
    durations::{seconds, whole_seconds},
    input_file::input_file,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// Use MQTT over a WebSocket, on port 443
    #[arg(long)]
    pub(crate) websocket: bool,

    /// Use a WebSocket, on port 443, if MQTT's port is blocked
    #[arg(long, conflicts_with = "websocket")]
    pub(crate) fallback: bool,

    /// How long to try to reach the service: its name, every address, and the proxy; 12 unless given
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) connect_timeout: Option<Duration>,

    /// How long to try each of the two ports; --connect-timeout unless given
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true, requires = "fallback")]
    pub(crate) fallback_after: Option<Duration>,

    /// The port of the WebSocket; 443 unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) websocket_port: Option<u16>,

    /// Connect through this proxy: an http or socks5 URL, with USER:PASSWORD@ before the host if needed
    ///
    /// User name and password are percent-encoded. Other users of this machine may see them in the list of processes;
    /// --proxy-from-environment avoids that. The port is 80 (http) or 1080 (socks5) unless given.
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// Connect through the proxy that the environment names
    ///
    /// https_proxy, or else all_proxy, names the proxy, and no_proxy lists the hosts to connect to directly. The names
    /// may be in capitals. Without this flag the variables are ignored.
    #[arg(long, conflicts_with = "proxy")]
    pub(crate) proxy_from_environment: bool,

    /// Trust only the CA certificates in this file, PEM or DER, not the platform's
    #[arg(long, value_name = "FILE", value_parser = input_file())]
    pub(crate) ca: Option<InputFile>,

    /// Trust the CA certificates in this file too
    ///
    /// They are added to the platform's CAs or to those in --ca, for example for a proxy that inspects TLS.
    #[arg(long, value_name = "FILE", value_parser = input_file())]
    pub(crate) extra_ca: Option<InputFile>,

    /// The lowest version of TLS to use; 1.2 unless given
    #[arg(long, value_name = "VERSION")]
    pub(crate) tls_min: Option<TlsMin>,

    /// The keep-alive of MQTT; 0 for none, 180 unless given
    #[arg(long, value_name = "SECONDS", value_parser = whole_seconds, allow_negative_numbers = true)]
    pub(crate) keep_alive: Option<Duration>,

    /// Which packets of a new connection are sent without waiting for an answer first; off unless given
    ///
    /// With after-connack SUBSCRIBE and the request are sent together, which saves a round trip. With full CONNECT is
    /// sent with them, which saves another.
    #[arg(long, value_name = "MODE", value_parser = pipelining())]
    pub(crate) pipelining: Option<Pipelining>,

    /// Add this to the user agent that is sent to the service
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent_suffix: Option<String>,
}

fn pipelining() -> impl TypedValueParser<Value = Pipelining> {
    PossibleValuesParser::new(Pipelining::ALL.map(Pipelining::as_str)).try_map(|name| name.parse())
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TlsMin {
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

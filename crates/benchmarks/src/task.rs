//! The JSON that the driver passes to its processes as an argument, and the JSON that they print.

use std::{io::Write, net::IpAddr, path::PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Result;

/// The device whose certificate is in the service's folder.
pub const DEVICE: &str = "device-1";

/// The argument of `service`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceSettings {
    /// Receives the CA, and the certificate and key of [`DEVICE`].
    pub folder: PathBuf,
    /// The address to listen on, and MQTT's port there; a free port of loopback if absent.
    pub mqtt_address: Option<(IpAddr, u16)>,
    /// The service does not assign a device before any measurement ends.
    pub keep_waiting: bool,
}

/// The line that `service` prints once it listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    /// As in [`ServiceSettings`].
    pub folder: PathBuf,
    /// `host:port` of MQTT.
    pub mqtt: String,
    /// `host:port` of MQTT over WebSocket.
    pub websocket: String,
    /// The id scope.
    pub id_scope: String,
    /// The key of the group of devices with symmetric keys, in base64.
    pub group_key: String,
}

/// The argument of `subject` and `counting`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// The service to register with.
    pub facts: Facts,
    /// What registers.
    pub side: Side,
    /// The way to the service.
    pub transport: Transport,
    /// The trusted CAs.
    pub roots: Roots,
    /// How much is sent before it was answered.
    pub pipelining: Pipelining,
    /// This many devices at the same time; one, again and again, if absent.
    pub together: Option<u32>,
}

/// What registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The client of this project.
    Client,
    /// Bare rustls and rumqttc's codec.
    Floor,
}

/// The way to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// MQTT over TLS.
    Mqtt,
    /// MQTT over a WebSocket over TLS.
    WebSocket,
}

/// The trusted CAs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Roots {
    /// The service's.
    Own,
    /// Those of the platform, and the service's.
    Platform,
}

/// How much is sent before it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pipelining {
    /// Each packet is sent after the answer to the one before.
    Off,
    /// What follows CONNECT is sent together once it was answered.
    AfterConnack,
    /// Everything is sent together.
    Full,
}

impl Pipelining {
    /// Every mode, with its name in the table.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Off, "off"),
        (Self::AfterConnack, "after CONNACK"),
        (Self::Full, "full"),
    ];
}

/// What one registration cost, on average of those that were asked for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds of CPU time of all threads, in the program and in the system.
    pub cpu: f64,
    /// Seconds on the clock.
    pub wall: f64,
    /// Allocations and reallocations; zero unless they are counted.
    pub allocations: f64,
    /// Bytes that were allocated in all; zero unless they are counted.
    pub bytes: f64,
}

/// The resident memory of a process with many devices, in bytes for each of them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Memory {
    /// With clients that have done nothing yet.
    pub idle: f64,
    /// While all registrations are in flight; the client itself is included.
    pub in_flight: f64,
}

/// What a program cost from its start to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Seconds of CPU time.
    pub cpu: f64,
    /// Seconds until it wrote its first line.
    pub wall: f64,
    /// The most memory that it had resident, in bytes.
    pub peak: f64,
    /// The first line that it wrote.
    pub line: String,
}

/// The argument of this process.
///
/// # Errors
/// It is missing, or for another process.
pub fn argument<T: DeserializeOwned>() -> Result<T> {
    let argument = std::env::args().nth(1);
    let argument = argument.ok_or("this program is started by `cargo xtask bench`")?;
    Ok(serde_json::from_str(&argument)?)
}

/// Writes an answer.
///
/// # Errors
/// Standard output is closed.
pub fn answer(answer: &impl Serialize) -> Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", serde_json::to_string(answer)?)?;
    Ok(stdout.flush()?)
}

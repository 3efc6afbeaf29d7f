//! The command `dps-emulator`, for programs that offer it: its flags, and a function that runs it.

mod open_files;
mod ready;
mod signals;

use std::{
    fs::File,
    io::{ErrorKind, Write, stderr},
    net::IpAddr,
    path::{Path, PathBuf},
    pin::pin,
    thread,
};

use clap::{Parser, ValueEnum};
use tokio::{select, sync::oneshot};

use self::ready::{FileMode, Ready};
use crate::{
    config::Config,
    device::Device,
    emulator::Emulator,
    error::EmulatorError,
    faults::ChaosSettings,
    identifiers::is_id_scope,
    identity::{Folder, KeyKind},
    input::read_file,
    private_file,
};

/// A local Azure IoT Hub Device Provisioning Service for tests, offline.
///
/// Without --config it accepts every device whose certificate its CA signed, and makes one (devices/device-1.pem and
/// .key), and every device whose symmetric key is derived from the one in group.key. When it listens, it prints one
/// JSON object with its ports, its id scope, its CA's file and the connection string of its control endpoint, without
/// the key. Ctrl-C and SIGTERM end it.
#[derive(Debug, Parser)]
#[command(name = "dps-emulator", version)]
pub struct Args {
    /// The folder that receives, or already holds, ca.pem, ca.key, server.pem, server.key, group.key, control.key
    /// and devices/
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// The address to listen on; loopback, IPv4 and IPv6, unless given
    #[arg(long, value_name = "ADDR")]
    listen: Option<IpAddr>,

    /// A name or an address for the server's certificate, beside localhost; can be given several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// The kind of the server's key: rsa is for clients that have RSA suites only; unless given, that of the existing
    /// certificate, else p256
    #[arg(long, value_name = "KIND")]
    server_key: Option<ServerKey>,

    /// The port of MQTT over TLS; 0 for a free one
    #[arg(long, value_name = "N", default_value_t = 8883)]
    mqtt_port: u16,

    /// The port of MQTT over WebSocket and of the HTTPS device API; 0 for a free one
    #[arg(long = "ws-port", value_name = "N", default_value_t = 443)]
    websocket_port: u16,

    /// The port of the control endpoint, the service's REST API over HTTPS; 0 for a free one
    #[arg(long, value_name = "N", default_value_t = 8443)]
    control_port: u16,

    /// The port of the page for browsers, plain HTTP and on loopback only; 0 for a free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    page_port: u16,

    /// Also write the JSON object to this file, with the key in its connection string, once everything listens
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// The mode of the ready file on Unix, in octal
    #[arg(long, value_name = "MODE", default_value_t, requires = "ready_file")]
    ready_file_mode: FileMode,

    /// The id scope that devices must name; 0ne00000000 unless given
    #[arg(long, value_name = "S", value_parser = id_scope)]
    id_scope: Option<String>,

    /// Accept certificate signing requests with EC P-384 keys only
    #[arg(long)]
    strict_csr: bool,

    /// Evaluate the text of queries at the control endpoint; otherwise every query returns all items, as at the service
    #[arg(long)]
    evaluate_queries: bool,

    /// Verify webhooks over HTTPS with the CA in this file, PEM or DER, and not with the roots of the platform
    #[arg(long, value_name = "FILE")]
    webhook_ca: Option<PathBuf>,

    /// Take enrollments, hubs, behaviour and faults from this file, TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Keep enrollments and registrations in state.jsonl in the folder: the next start has them, however this one ends
    #[arg(long)]
    persist: bool,

    /// At each step, select a fault by chance with this probability, 0 to 1
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    chaos: Option<f64>,

    /// The seed of --chaos: with the same one, the same order of steps has the same faults; by chance unless given
    #[arg(long, value_name = "N", requires = "chaos")]
    seed: Option<u64>,

    /// Append one JSON line per packet and decision to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// The kind of a server's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ServerKey {
    P256,
    P384,
    Rsa,
}

impl From<ServerKey> for KeyKind {
    fn from(key: ServerKey) -> Self {
        match key {
            ServerKey::P256 => Self::P256,
            ServerKey::P384 => Self::P384,
            ServerKey::Rsa => Self::Rsa2048,
        }
    }
}

fn id_scope(text: &str) -> Result<String, &'static str> {
    if is_id_scope(text) {
        Ok(text.to_owned())
    } else {
        Err("an id scope is 1 to 64 letters, digits or '-'")
    }
}

fn probability(text: &str) -> Result<f64, String> {
    let probability = text.parse().map_err(|_| "expected a number from 0 to 1")?;
    ChaosSettings::new(probability, None).map(|chaos| chaos.probability)
}

/// Runs the emulator until Ctrl-C or SIGTERM. Prints one JSON object to stdout when it listens, and warnings to stderr.
///
/// # Errors
/// [`EmulatorError`] if the emulator cannot start, or cannot print the object; the caller prints it. For a mistake of the
/// caller, [`EmulatorError::Config`] or [`EmulatorError::ReadyFile`], `dps-emulator` exits with 2, and with 1 for any
/// other.
pub async fn run(args: Args) -> Result<(), EmulatorError> {
    // Before any file is created: no signal from here on ends the program halfway.
    let mut stop = pin!(signals::stop()?);
    if let Some(path) = &args.ready_file {
        ready::target(path)?;
    }
    if let Some(warning) = open_files::raise_limit() {
        // A warning that cannot be printed is not an error.
        let _ = writeln!(stderr(), "warning: {warning}");
    }
    let folder = Folder::new(&args.dir);
    let (emulator, config) = select! {
        started = start(&args, &folder) => started?,
        () = &mut stop => return Ok(()),
    };
    match &config {
        Some(config) => config
            .devices()
            .try_for_each(|device| folder.ensure_device(&emulator, device))?,
        None => folder.ensure_device(&emulator, &Device::new("device-1"))?,
    }
    let ready = Ready::new(&emulator, &folder)?;
    if let Some(path) = &args.ready_file {
        ready.write(path, args.ready_file_mode)?;
    }
    let printed = ready.print();
    if printed.is_ok() {
        stop.await;
    }
    emulator.shutdown().await;
    printed
}

async fn start(args: &Args, folder: &Folder) -> Result<(Emulator, Option<Config>), EmulatorError> {
    let config = args.config.as_deref().map(Config::load).transpose()?;
    let mut builder = Emulator::builder()
        .refuse_simultaneous_registrations(true)
        .mqtt_port(args.mqtt_port)
        .websocket_port(args.websocket_port)
        .control_port(args.control_port)
        .page_port(args.page_port);
    if let Some(config) = &config {
        builder = builder.config(config);
    }
    // A flag overrides the file.
    if let Some(id_scope) = &args.id_scope {
        builder = builder.id_scope(id_scope);
    }
    builder = args.host.iter().fold(builder, |builder, host| builder.host(host));
    if let Some(address) = args.listen {
        builder = builder.listen(address);
    }
    if args.evaluate_queries {
        builder = builder.evaluate_queries(true);
    }
    if let Some(path) = &args.webhook_ca {
        let ca = read_file(path).map_err(|source| EmulatorError::file(path, source))?;
        builder = builder.webhook_ca(ca);
    }
    if args.strict_csr {
        builder = builder.strict_csr(true);
    }
    if let Some(probability) = args.chaos {
        let seed = args.seed.unwrap_or_else(|| fastrand::u32(..).into());
        builder = builder.chaos(probability, seed);
    }
    if args.persist {
        builder = builder.persist(args.dir.join("state.jsonl"));
    }
    if let Some(key) = args.server_key {
        builder = builder.server_key(key.into());
    }
    builder = folder.equip(builder)?;
    if let Some(path) = &args.log {
        builder = builder.log_file(open_log(path).await?);
    }
    Ok((builder.start().await?, config))
}

/// Opens the file of the log. Opening a pipe waits for its reader: in a thread, which ends with the process.
async fn open_log(path: &Path) -> Result<File, EmulatorError> {
    private_file::restrict(path)?;
    let (sender, opened) = oneshot::channel();
    let owned = path.to_owned();
    let open = move || {
        let file = private_file::open(File::options().create(true).append(true), &owned);
        // The receiver is gone if the emulator has ended.
        let _ = sender.send(file);
    };
    let opened = match thread::Builder::new().name("dps-emulator-open".to_owned()).spawn(open) {
        Ok(_) => opened.await.unwrap_or_else(|_| Err(ErrorKind::Other.into())),
        Err(error) => Err(error),
    };
    opened.map_err(|source| EmulatorError::file(path, source))
}

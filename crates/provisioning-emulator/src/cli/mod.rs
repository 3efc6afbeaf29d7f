//! The command `dps-emulator`, for programs that offer it: its flags, and a function that runs it.

mod health;
mod open_files;
mod ready;
mod remedy;
mod report;
mod signals;
mod stdin;
mod terminal;
mod welcome;

use std::{
    fs::{self, File},
    io::{self, ErrorKind, stderr},
    net::IpAddr,
    path::{Path, PathBuf},
    pin::pin,
    thread,
};

use clap::{Parser, ValueEnum};
use tokio::{select, sync::oneshot};

use self::{
    ready::{FileMode, Ready},
    terminal::{Terminal, Volume},
};
use crate::{
    config::Config,
    device::Device,
    emulator::Emulator,
    error::EmulatorError,
    faults::ChaosSettings,
    identifiers::{is_host, is_id_scope},
    identity::{Folder, KeyKind},
    input::{certificates, read_file},
    private_file,
};

const DEFAULT_DIR: &str = "./.dps-emulator";

/// The headings of the flags in the help.
const FILES: &str = "Files";
const ADDRESSES: &str = "Addresses and ports";
const BEHAVIOUR: &str = "Behaviour";
const PROGRAM: &str = "Program";

/// Examples for the help of a command with these flags, which is called `command`.
pub fn examples(command: &str) -> String {
    EXAMPLES.replace("{command}", command)
}

const EXAMPLES: &str = "\
Examples:
  A first start, and a device that registers from another terminal:
    {command}
    dps register --host localhost --id-scope 0ne00000000 --ca .dps-emulator/ca.pem \\
      --cert .dps-emulator/devices/device-1.pem --key .dps-emulator/devices/device-1.key

  A device in Node or Python connects to the host localhost with the id scope 0ne00000000, trusts
  .dps-emulator/ca.pem, and has the certificate and the key of device-1. Node trusts it with:
    NODE_EXTRA_CA_CERTS=.dps-emulator/ca.pem node device.js

  Other programs have the ports 8883 and 443. Devices connect to 127.0.0.8, or to free ports,
  which the JSON object names:
    {command} --listen 127.0.0.8
    {command} --mqtt-port 0 --ws-port 0

  Enrollments, hubs and faults from a file:
    {command} --config emulator.toml

  In CI, with free ports, and a file that says when it listens and where:
    {command} --quiet --mqtt-port 0 --ws-port 0 --control-port 0 --page-port 0 \\
      --ready-file ready.json --log log.jsonl";

/// A local Azure IoT Hub Device Provisioning Service for tests, offline.
///
/// Without --config it accepts every device with a certificate that its CA signed (devices/device-1.pem and .key are
/// one), and every device whose symmetric key is derived from the key in group.key. Once it listens, it prints one JSON
/// object to stdout, with its ports, its id scope, the file of its CA and the connection string of its control endpoint
/// without the key. On stderr it prints where it listens, the outcome of each registration, and each refusal with its
/// reason. Ctrl-C and SIGTERM end it. The exit code is 2 for a mistake in the flags or the configuration, and 1 if it
/// cannot start.
#[derive(Debug, Parser)]
#[command(name = "dps-emulator", version, after_help = examples("dps-emulator"))]
pub struct Args {
    /// The folder that receives, or already holds, ca.pem, ca.key, server.pem, server.key, group.key, control.key
    /// and devices/
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR, help_heading = FILES)]
    dir: PathBuf,

    /// The address to listen on; loopback, IPv4 and IPv6, unless given
    #[arg(long, value_name = "ADDR", value_parser = address, help_heading = ADDRESSES)]
    listen: Option<IpAddr>,

    /// A name or an address for the server's certificate, beside localhost; can be given several times
    #[arg(long, value_name = "NAME", value_parser = host, help_heading = ADDRESSES)]
    host: Vec<String>,

    /// The kind of the server's key: rsa is for clients that have RSA suites only; unless given, that of the existing
    /// certificate, else p256
    #[arg(long, value_name = "KIND", help_heading = ADDRESSES)]
    server_key: Option<ServerKey>,

    /// The port of MQTT over TLS; 0 for a free one
    #[arg(long, value_name = "N", value_parser = port, default_value_t = 8883, help_heading = ADDRESSES)]
    mqtt_port: u16,

    /// The port of MQTT over WebSocket and of the HTTPS device API; 0 for a free one
    #[arg(long = "ws-port", value_name = "N", value_parser = port, default_value_t = 443, help_heading = ADDRESSES)]
    websocket_port: u16,

    /// The port of the control endpoint, the service's REST API over HTTPS; 0 for a free one
    #[arg(long, value_name = "N", value_parser = port, default_value_t = 8443, help_heading = ADDRESSES)]
    control_port: u16,

    /// The port of the page for browsers, plain HTTP; 0 for a free one
    #[arg(long, value_name = "N", value_parser = port, default_value_t = 8080, help_heading = ADDRESSES)]
    page_port: u16,

    /// The address that the page listens on, for containers; loopback unless given. Without the token of its URL the
    /// page is read-only
    #[arg(long, value_name = "ADDR", value_parser = address, help_heading = ADDRESSES)]
    page_listen: Option<IpAddr>,

    /// Also write the JSON object to this file, with the key in its connection string, once everything listens
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    ready_file: Option<PathBuf>,

    /// The mode of the ready file on Unix, in octal
    #[arg(long, value_name = "MODE", default_value_t, requires = "ready_file", help_heading = FILES)]
    ready_file_mode: FileMode,

    /// The id scope that devices must name; 0ne00000000 unless given
    #[arg(long, value_name = "S", value_parser = id_scope, help_heading = BEHAVIOUR)]
    id_scope: Option<String>,

    /// Accept certificate signing requests with EC P-384 keys only
    #[arg(long, help_heading = BEHAVIOUR)]
    strict_csr: bool,

    /// Evaluate the text of queries at the control endpoint; otherwise every query returns all items, as at the service
    #[arg(long, help_heading = BEHAVIOUR)]
    evaluate_queries: bool,

    /// Verify webhooks over HTTPS with the CA in this file, PEM or DER, and not with the roots of the platform
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    webhook_ca: Option<PathBuf>,

    /// Take enrollments, hubs, behaviour and faults from this file, TOML
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    config: Option<PathBuf>,

    /// Keep enrollments and registrations in state.jsonl in the folder: the next start has them, however this one ends
    #[arg(long, help_heading = FILES)]
    persist: bool,

    /// At each step, select a fault by chance with this probability, 0 to 1
    #[arg(long, value_name = "PROBABILITY", value_parser = probability, help_heading = BEHAVIOUR)]
    chaos: Option<f64>,

    /// The seed of --chaos: with the same one, the same order of steps has the same faults; by chance unless given
    #[arg(long, value_name = "N", value_parser = seed, requires = "chaos", help_heading = BEHAVIOUR)]
    seed: Option<u64>,

    /// Append one line of JSON per packet and decision to this file; - is stderr, where the log replaces all else but an
    /// error of the start
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    log: Option<PathBuf>,

    /// Print only errors and warnings on stderr
    #[arg(long, help_heading = PROGRAM)]
    quiet: bool,

    /// End when standard input ends, too: with a pipe to it, the emulator ends with the program that started it
    #[arg(long, help_heading = PROGRAM)]
    end_with_stdin: bool,

    /// Only check whether the emulator that wrote the ready file serves calls; exit with 0 if it does, else with 1
    #[arg(long, requires = "ready_file", help_heading = PROGRAM)]
    health: bool,
}

impl Args {
    fn volume(&self) -> Volume {
        match self.log_is_stderr() {
            true => Volume::Nothing,
            false if self.quiet => Volume::Warnings,
            false => Volume::Everything,
        }
    }

    fn log_is_stderr(&self) -> bool {
        self.log.as_deref() == Some(Path::new("-"))
    }
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

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address of this machine, such as 127.0.0.8 or 0.0.0.0")
}

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "expected a port, 0 to 65535")
}

fn host(text: &str) -> Result<String, &'static str> {
    match is_host(text) {
        true => Ok(text.to_owned()),
        false => Err("expected a DNS name or an IP address, without a port"),
    }
}

fn id_scope(text: &str) -> Result<String, &'static str> {
    if is_id_scope(text) {
        Ok(text.to_owned())
    } else {
        Err("an id scope is 1 to 64 letters, digits or '-'")
    }
}

fn seed(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "expected a whole number, 0 or greater")
}

fn probability(text: &str) -> Result<f64, String> {
    let probability = text.parse().map_err(|_| "expected a number from 0 to 1")?;
    ChaosSettings::new(probability, None).map(|_| probability)
}

/// Runs the emulator until Ctrl-C or SIGTERM. Prints one JSON object to stdout when it listens, and says on stderr what
/// happens: the addresses, outcomes of registrations, refusals and warnings.
///
/// # Errors
/// [`EmulatorError`] if the emulator cannot start, or cannot print the object; the caller prints it.
/// `dps-emulator` exits with 2 if it [is a mistake](EmulatorError::is_mistake), and with 1 otherwise.
pub async fn run(args: Args) -> Result<(), EmulatorError> {
    if let Some(path) = args.ready_file.as_ref().filter(|_| args.health) {
        return ready::print(&health::check(path).await?);
    }
    let terminal = Terminal::start(args.volume(), stderr()).map_err(|source| EmulatorError::Log { source })?;
    let ended = serve(&args, &terminal).await;
    terminal.finish().await;
    ended.map_err(|error| remedy::with_remedy(error, &args))
}

async fn serve(args: &Args, terminal: &Terminal) -> Result<(), EmulatorError> {
    // Before any file is created: no signal from here on ends the program halfway.
    let mut stop = pin!(stop(args)?);
    if let Some(path) = &args.ready_file {
        ready::target(path)?;
    }
    let warning = open_files::raise_limit();
    let folder = Folder::new(&args.dir);
    let (emulator, config) = select! {
        started = start(args, &folder) => started?,
        () = &mut stop => {
            terminal.say("Stopped before it listened.".to_owned());
            return Ok(());
        }
    };
    if let Some(warning) = warning {
        emulator.warn(warning);
    }
    let devices = match &config {
        Some(config) => config.devices().cloned().collect(),
        None => vec![Device::new("device-1")],
    };
    devices
        .iter()
        .try_for_each(|device| folder.ensure_device(&emulator, device))?;
    let ready = Ready::new(&emulator, &folder)?;
    if let Some(path) = &args.ready_file {
        ready.write(path, args.ready_file_mode)?;
    }
    let first = devices.first().map(|device| device.registration_id.as_str());
    terminal.say(welcome::welcome(&emulator, ready.folder(), first));
    terminal.follow(&emulator);
    let printed = ready.print();
    if printed.is_ok() {
        stop.await;
    }
    emulator.shutdown().await;
    printed
}

/// Completes with what ends the command.
fn stop(args: &Args) -> Result<impl Future<Output = ()>, EmulatorError> {
    let (signal, stdin) = (signals::stop()?, stdin::end(args.end_with_stdin)?);
    Ok(async {
        select! {
            () = signal => {}
            () = stdin => {}
        }
    })
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
    if let Some(address) = args.page_listen {
        builder = builder.page_listen(address);
    }
    if args.evaluate_queries {
        builder = builder.evaluate_queries(true);
    }
    if let Some(path) = &args.webhook_ca {
        let ca = read_file(path).and_then(|ca| match certificates(&ca) {
            Ok(_) => Ok(ca),
            Err(unreadable) => Err(io::Error::new(ErrorKind::InvalidData, unreadable.to_string())),
        });
        let ca = ca.map_err(|source| flag_error("--webhook-ca", path, source))?;
        builder = builder.webhook_ca(ca);
    }
    if args.strict_csr {
        builder = builder.strict_csr(true);
    }
    // The probability was checked with the flags.
    builder.chaos = match args.chaos {
        Some(probability) => ChaosSettings::new(probability, args.seed).ok(),
        None => builder.chaos,
    };
    if args.persist {
        builder = builder.persist(args.dir.join("state.jsonl"));
    }
    if let Some(key) = args.server_key {
        builder = builder.server_key(key.into());
    }
    if args.dir == Path::new(DEFAULT_DIR) {
        keep_out_of_git(&args.dir).map_err(|source| EmulatorError::file(&args.dir, source))?;
    }
    builder = folder.equip(builder)?;
    if let Some(path) = &args.log {
        let file = match args.log_is_stderr() {
            true => stderr_file().map_err(|source| EmulatorError::Log { source })?,
            false => open_log(path).await?,
        };
        builder = builder.log_file(file);
    }
    Ok((builder.start().await?, config))
}

/// Opens the file of the log. Opening a pipe waits for its reader: in a thread, which ends with the process.
async fn open_log(path: &Path) -> Result<File, EmulatorError> {
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
    opened.map_err(|source| flag_error("--log", path, source))
}

/// Creates the default folder with a `.gitignore` before it has keys: it is likely to be within a repository.
fn keep_out_of_git(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let path = dir.join(".gitignore");
    match path.exists() {
        true => Ok(()),
        false => private_file::replace(&path, "*\n"),
    }
}

fn flag_error(flag: &'static str, path: &Path, source: io::Error) -> EmulatorError {
    let path = path.to_owned();
    EmulatorError::Flag { flag, path, source }
}

/// Standard error as a file, which the log's thread writes.
#[cfg(unix)]
fn stderr_file() -> io::Result<File> {
    use std::os::fd::AsFd;
    stderr().as_fd().try_clone_to_owned().map(File::from)
}

/// Standard error as a file, which the log's thread writes.
#[cfg(windows)]
fn stderr_file() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    stderr().as_handle().try_clone_to_owned().map(File::from)
}

//! `dps-emulator`: a local provisioning service for tests in any language.

mod open_files;

use std::{
    error::Error,
    fs,
    io::{Write, stdout},
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use provisioning_emulator::{Config, Device, Emulator, EmulatorError, Folder, is_id_scope};
use serde_json::json;

/// A local Azure IoT Hub Device Provisioning Service for tests, offline.
///
/// Without --config it accepts every device whose certificate its CA signed, and makes one (devices/device-1.pem and
/// .key), and every device whose symmetric key is derived from the one in group.key. When it listens, it prints one
/// JSON object with its ports, its id scope, its CA's file and the connection string of its control endpoint. Ctrl-C
/// and SIGTERM end it.
#[derive(Debug, Parser)]
#[command(name = "dps-emulator", version)]
struct Arguments {
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

    /// The port of MQTT over TLS; 0 for a free one
    #[arg(long, value_name = "N", default_value_t = 8883)]
    mqtt_port: u16,

    /// The port of MQTT over WebSocket; 0 for a free one
    #[arg(long, value_name = "N", default_value_t = 443)]
    ws_port: u16,

    /// The port of the control endpoint, the service's REST API over HTTPS; 0 for a free one
    #[arg(long, value_name = "N", default_value_t = 8443)]
    control_port: u16,

    /// The port of the page to look at, plain HTTP and on loopback only; 0 for a free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    page_port: u16,

    /// Also write the JSON object to this file, once everything listens
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// The id scope that devices must name; 0ne00000000 unless given
    #[arg(long, value_name = "S", value_parser = id_scope)]
    id_scope: Option<String>,

    /// Take enrollments, hubs, behaviour and faults from this file, TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Append one JSON line per packet and decision to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

fn id_scope(text: &str) -> Result<String, &'static str> {
    if is_id_scope(text) {
        Ok(text.to_owned())
    } else {
        Err("an id scope is 1 to 64 letters, digits or '-'")
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            let sentence = causes.fold(error.to_string(), |sentence, cause| format!("{sentence}: {cause}"));
            // Nobody reading is fine: the exit code still tells.
            let _ = writeln!(std::io::stderr(), "error: {sentence}");
            match error {
                EmulatorError::Config(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), EmulatorError> {
    let stop = stop_signal()?;
    if let Some(warning) = open_files::raise_limit() {
        // It is a warning, not worth an end when nobody reads it.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    let folder = Folder::new(&arguments.dir);
    let config = arguments.config.as_deref().map(Config::load).transpose()?;
    let mut builder = Emulator::builder()
        .mqtt_port(arguments.mqtt_port)
        .ws_port(arguments.ws_port)
        .control_port(arguments.control_port)
        .page_port(arguments.page_port);
    if let Some(config) = &config {
        builder = builder.config(config);
    }
    // A flag wins over the file.
    if let Some(id_scope) = arguments.id_scope {
        builder = builder.id_scope(id_scope);
    }
    for host in arguments.host {
        builder = builder.host(host);
    }
    if let Some(address) = arguments.listen {
        builder = builder.listen(address);
    }
    if let Some(path) = arguments.log {
        let file = fs::File::options().create(true).append(true).open(&path);
        builder = builder.log_file(file.map_err(|source| EmulatorError::File { path, source })?);
    }
    let emulator = folder.equip(builder)?.start().await?;
    match &config {
        Some(config) => config
            .devices()
            .try_for_each(|device| folder.ensure_device(&emulator, device))?,
        None => folder.ensure_device(&emulator, &Device::new("device-1"))?,
    }
    tell_ready(&emulator, &folder, arguments.ready_file.as_deref())?;
    stop.await;
    emulator.shutdown().await;
    Ok(())
}

/// Prints what a device needs to know, and writes it to the ready file in one step, so that nobody reads half of it.
fn tell_ready(emulator: &Emulator, folder: &Folder, ready_file: Option<&Path>) -> Result<(), EmulatorError> {
    let ca = folder.ca_file();
    let ca = fs::canonicalize(&ca).map_err(|source| EmulatorError::File { path: ca, source })?;
    let ready = json!({
        "mqttPort": emulator.mqtt_port(),
        "wsPort": emulator.ws_port(),
        "controlPort": emulator.control_port(),
        "pagePort": emulator.page_port(),
        "idScope": emulator.id_scope(),
        "ca": ca,
        "connectionString": emulator.connection_string(),
    });
    if let Some(path) = ready_file {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".tmp");
        fs::write(&unfinished, format!("{ready}\n"))
            .and_then(|()| fs::rename(&unfinished, path))
            .map_err(|source| EmulatorError::File {
                path: path.to_owned(),
                source,
            })?;
    }
    // Whoever started it may have closed its end.
    let _ = writeln!(stdout(), "{ready}");
    Ok(())
}

/// Installs the handlers at once, so that no signal from here on ends the program half-way.
fn stop_signal() -> Result<impl Future<Output = ()>, EmulatorError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |source| EmulatorError::File {
            path: "signals".into(),
            source,
        };
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without a handler the system ends the program by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

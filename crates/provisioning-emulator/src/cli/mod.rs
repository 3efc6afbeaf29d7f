//! The command `dps-emulator`, for programs that offer it: its flags, and a function that runs it.

mod args;
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
    path::Path,
    pin::pin,
    thread,
};

use tokio::{select, sync::oneshot};

pub use self::args::{Args, examples};
use self::{args::DEFAULT_DIR, ready::Ready, terminal::Terminal};
use crate::{
    config::Config,
    device::Device,
    emulator::Emulator,
    error::EmulatorError,
    faults::ChaosSettings,
    identity::Folder,
    input::{certificates, read_file},
    private_file,
};

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

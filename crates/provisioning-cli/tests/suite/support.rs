//! Runs `dps` as a process, with the files that it needs.

use humantime::format_rfc3339_seconds;
use provisioning_emulator::{DeviceIdentity, Effect, Emulator, Fault, Step};
use serde_json::Value;
use test_support::{Files as Folder, Running, emulator::x509, without_dps_variables};
use tokio::process::Command;

/// How `dps` ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Waits for the end of a `dps` that was started.
    pub(crate) async fn of(running: Running) -> Self {
        let output = running.end().await;
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }

    /// Standard output, which must be exactly one JSON object.
    pub(crate) fn json(&self) -> Value {
        let json: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert!(json.is_object(), "{self:?}");
        json
    }

    pub(crate) fn error(&self) -> Value {
        self.json()["error"].clone()
    }

    pub(crate) fn kind(&self) -> String {
        self.text("kind")
    }

    pub(crate) fn hint(&self) -> String {
        self.text("hint")
    }

    pub(crate) fn message(&self) -> String {
        self.text("message")
    }

    /// A field of the error, or nothing.
    fn text(&self, field: &str) -> String {
        self.error()[field].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) async fn dps(words: &[&str]) -> Run {
    dps_with(words, &[]).await
}

/// Runs with these variables, and none of this process's that `dps` reads.
pub(crate) async fn dps_with(words: &[&str], environment: &[(&str, &str)]) -> Run {
    Run::of(start_dps(words, environment)).await
}

pub(crate) fn start_dps(words: &[&str], environment: &[(&str, &str)]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dps"));
    let command = without_dps_variables(&mut command).args(words);
    Running::start(command.envs(environment.iter().copied()))
}

/// The first and the last second of a device's certificate, as `dps` prints them.
pub(crate) fn validity(device: &DeviceIdentity) -> [String; 2] {
    let certificate = x509(device);
    [certificate.not_before(), certificate.not_after()].map(|time| format_rfc3339_seconds(time).to_string())
}

/// Has the service respond `assigning` until [`Emulator::clear_faults`].
pub(crate) fn assign_later(emulator: &Emulator) {
    let assigning = Fault::new(Effect::Assigning, Step::Answer).expect("a fault");
    emulator.inject(assigning.always());
}

/// What one device needs to register with an emulator, in files.
pub(crate) struct Files {
    folder: Folder,
    id_scope: String,
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) ca: String,
    pub(crate) host: String,
    pub(crate) websocket_host: String,
}

impl Files {
    pub(crate) fn of(emulator: &Emulator, registration_id: &str) -> Self {
        Self::of_identity(emulator, &emulator.issue_device(registration_id).expect("a device"))
    }

    pub(crate) fn of_identity(emulator: &Emulator, device: &DeviceIdentity) -> Self {
        let folder = Folder::new();
        Self {
            cert: folder.write("device.pem", &device.certificate_chain_pem),
            key: folder.write("device.key", &device.private_key_pem),
            ca: folder.write("ca.pem", emulator.ca_pem()),
            id_scope: emulator.id_scope().to_owned(),
            host: emulator.mqtt_address(),
            websocket_host: emulator.websocket_address(),
            folder,
        }
    }

    /// The path of another file, whether or not that exists.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    #[cfg(unix)]
    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        self.folder.set_mode(name, mode);
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        self.folder.write(name, text)
    }

    /// Registers with `words` in place of, or in addition to, what a registration needs.
    pub(crate) async fn register(&self, host: &str, words: &[&str]) -> Run {
        Run::of(self.start(host, words)).await
    }

    /// The same without a certificate.
    pub(crate) async fn register_by_key(&self, host: &str, words: &[&str]) -> Run {
        Run::of(start_with("register", &self.service(host), words)).await
    }

    /// Asks how to connect to the hub of the assignment that is kept in `store`, with `words` in addition.
    pub(crate) async fn connection(&self, store: &str, words: &[&str]) -> Run {
        let needed = ["connection", "--store", store, "--cert", &self.cert, "--key", &self.key];
        dps(&[&needed, words].concat()).await
    }

    /// The words of a registration.
    #[cfg(unix)]
    pub(crate) fn registration(&self) -> Vec<String> {
        let flags = self.all(&self.host).into_iter().flat_map(|(name, value)| [name, value]);
        ["register"].into_iter().chain(flags).map(str::to_owned).collect()
    }

    /// The words of what a registration needs, with `words` in their place or in addition.
    pub(crate) fn words(&self, words: &[&str]) -> Vec<String> {
        given_and_usual(&self.all(&self.host), words)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// Asks the doctor about the same.
    pub(crate) async fn doctor(&self, words: &[&str]) -> Run {
        Run::of(start_with("doctor", &self.all(&self.host), words)).await
    }

    pub(crate) fn start(&self, host: &str, words: &[&str]) -> Running {
        start_with("register", &self.all(host), words)
    }

    fn service<'a>(&'a self, host: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![("--host", host), ("--id-scope", &self.id_scope), ("--ca", &self.ca)]
    }

    fn all<'a>(&'a self, host: &'a str) -> Vec<(&'static str, &'a str)> {
        [self.service(host), vec![("--cert", &self.cert), ("--key", &self.key)]].concat()
    }
}

fn start_with(command: &str, usual: &[(&str, &str)], words: &[&str]) -> Running {
    start_dps(&[&[command], &given_and_usual(usual, words)[..]].concat(), &[])
}

/// The usual flags that are not given, and then `words`.
fn given_and_usual<'a>(usual: &[(&'a str, &'a str)], words: &[&'a str]) -> Vec<&'a str> {
    let unless_given = usual.iter().filter(|(name, _)| !words.contains(name));
    let unless_given = unless_given.flat_map(|(name, value)| [*name, *value]);
    unless_given.chain(words.iter().copied()).collect()
}

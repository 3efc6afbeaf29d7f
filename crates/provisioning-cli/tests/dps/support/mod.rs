//! Runs `dps` as a process, with the files that it needs.

pub(crate) mod control;

use std::{process::Stdio, sync::Arc, time::Duration};

use provisioning_emulator::{DeviceIdentity, Emulator};
use serde_json::Value;
use test_support::Files as Folder;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::Mutex,
    task::JoinHandle,
};

/// How `dps` ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
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
    start(words, environment).end().await
}

pub(crate) fn start(words: &[&str], environment: &[(&str, &str)]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dps"));
    for name in [
        "PROVISIONING_HOST",
        "PROVISIONING_IDSCOPE",
        "PROVISIONING_REGISTRATION_ID",
        "CERTIFICATE_FILE",
        "KEY_FILE",
        "PROVISIONING_SYMMETRIC_KEY",
        "RUST_LOG",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ] {
        command.env_remove(name);
    }
    command
        .args(words)
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("dps");
    let stderr = Arc::new(Mutex::new(String::new()));
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let collected = Arc::clone(&stderr);
    let reader = tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let mut text = collected.lock().await;
            text.push_str(&line);
            text.push('\n');
        }
    });
    Running { child, stderr, reader }
}

/// A `dps` that was started.
pub(crate) struct Running {
    child: Child,
    stderr: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn end(mut self) -> Run {
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().expect("piped");
        pipe.read_to_string(&mut stdout)
            .await
            .expect("UTF-8 on standard output");
        let status = self.child.wait().await.expect("its end");
        self.reader.await.expect("standard error");
        let stderr = self.stderr.lock().await.clone();
        Run {
            code: status.code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }

    #[cfg(unix)]
    pub(crate) async fn until_stderr_has(&self, text: &str) {
        for _ in 0..600 {
            if self.stderr.lock().await.contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{text:?} never came: {}", self.stderr.lock().await);
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().expect("running").to_string();
        let status = std::process::Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .expect("kill");
        assert!(status.success());
    }
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

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        self.folder.write(name, text)
    }

    /// Registers with `words` in place of, or in addition to, what a registration needs.
    pub(crate) async fn register(&self, host: &str, words: &[&str]) -> Run {
        self.start(host, words).end().await
    }

    /// The same without a certificate.
    pub(crate) async fn register_by_key(&self, host: &str, words: &[&str]) -> Run {
        start_with("register", &self.service(host), words).end().await
    }

    /// Asks the doctor about the same.
    pub(crate) async fn doctor(&self, words: &[&str]) -> Run {
        start_with("doctor", &self.all(&self.host), words).end().await
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
    let unless_given = usual.iter().filter(|(name, _)| !words.contains(name));
    let mut all: Vec<&str> = vec![command];
    all.extend(unless_given.flat_map(|(name, value)| [name, value]));
    all.extend(words);
    start(&all, &[])
}

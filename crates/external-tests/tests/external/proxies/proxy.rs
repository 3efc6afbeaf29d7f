//! A proxy in front of an emulator, and `dps register` through it.

use std::{fs, process::Stdio};

use serde_json::Value;
use tokio::process::Command;

use crate::support::{LocalDps, Output, Running, free_port, installed};

const USER: &str = "device";
const PASSWORD: &str = "s3cret-word";
/// The user name and the password in HTTP's Basic scheme.
const BASIC: &str = "ZGV2aWNlOnMzY3JldC13b3Jk";

/// The login that the proxy accepts.
pub(super) const LOGIN: &str = "device:s3cret-word@";
pub(super) const WRONG_LOGIN: &str = "device:other@";
pub(super) const NO_LOGIN: &str = "";

/// A running proxy that asks for a login, and an emulator behind it.
pub(super) struct Proxy {
    pub(super) dps: LocalDps,
    scheme: &'static str,
    port: u16,
    _running: Running,
}

impl Proxy {
    /// tinyproxy, which connects to the ports of the emulator only.
    pub(super) async fn http() -> Self {
        let mut command = installed(&["tinyproxy"], "tinyproxy");
        let (dps, port) = (LocalDps::start().await, free_port().await);
        let [mqtt, websocket] = [dps.emulator.mqtt_port(), dps.emulator.websocket_port()];
        let config = dps.file("tinyproxy.conf");
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth {USER} {PASSWORD}\n\
             ConnectPort {mqtt}\nConnectPort {websocket}\n"
        );
        fs::write(&config, text).expect("a file");
        command.arg("-d").arg("-c").arg(config);
        Self::start(dps, "tinyproxy", command, "http", port).await
    }

    /// microsocks.
    pub(super) async fn socks5() -> Self {
        let mut command = installed(&["microsocks"], "microsocks");
        let (dps, port) = (LocalDps::start().await, free_port().await);
        command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", USER, "-P", PASSWORD]);
        Self::start(dps, "microsocks", command, "socks5", port).await
    }

    async fn start(dps: LocalDps, name: &'static str, mut command: Command, scheme: &'static str, port: u16) -> Self {
        let mut running = Running::start(name, &mut command);
        running.wait_for(port).await;
        Self {
            dps,
            scheme,
            port,
            _running: running,
        }
    }

    /// The address of the proxy for a device with this login.
    pub(super) fn url(&self, login: &str) -> String {
        format!("{}://{login}127.0.0.1:{}", self.scheme, self.port)
    }

    /// Registers over MQTT at this port, with the proxy in a flag.
    pub(super) async fn register(&self, login: &str, port: u16) -> Registration {
        self.register_with(port, &["--proxy", &self.url(login)], &[]).await
    }

    /// Registers over a WebSocket.
    pub(super) async fn register_over_websocket(&self, login: &str) -> Registration {
        let port = self.dps.emulator.websocket_port();
        self.register_with(port, &["--websocket", "--proxy", &self.url(login)], &[])
            .await
    }

    /// Registers with these words and these variables. Everything is traced.
    pub(super) async fn register_with(&self, port: u16, words: &[&str], variables: &[(&str, &str)]) -> Registration {
        let mut command = self.dps.dps_register(port).await;
        command.args(words).envs(variables.iter().copied());
        command.env("RUST_LOG", "trace").stdin(Stdio::null());
        Registration(Running::start_piped("dps", &mut command).wait_with_output().await)
    }
}

/// The end of `dps register`.
pub(super) struct Registration(Output);

impl Registration {
    #[track_caller]
    pub(super) fn assert_assigned(&self) {
        let answer = self.answer();
        assert_eq!(
            (self.0.code, &answer["status"]),
            (Some(0), &"assigned".into()),
            "{answer}"
        );
        let stderr = &self.0.stderr;
        assert!(
            stderr.contains("the proxy has connected"),
            "the trace names no proxy:\n{stderr}"
        );
    }

    /// Asserts that the proxy refused, and that the message has these words.
    #[track_caller]
    pub(super) fn assert_refused(&self, words: &str) {
        let answer = self.answer();
        let error = &answer["error"];
        assert_eq!((self.0.code, &error["kind"]), (Some(4), &"connect".into()), "{answer}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(
            message.contains("the proxy ") && message.contains(words),
            "{message:?} has no {words:?}"
        );
    }

    /// The JSON object on standard output. Nothing that `dps` wrote has the password.
    #[track_caller]
    fn answer(&self) -> Value {
        let Output { stdout, stderr, .. } = &self.0;
        for secret in [PASSWORD, BASIC] {
            assert!(!stdout.contains(secret), "standard output has the password");
            assert!(!stderr.contains(secret), "the trace on standard error has the password");
        }
        serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error} in {stdout:?}\n{stderr}"))
    }
}

//! An emulator on this machine, and `dps register` in a namespace from which it is reached through a router.

use std::{process::Stdio, time::Duration};

use provisioning_emulator::{Builder, Effect, Emulator, Fault, LogEntry, LogKind, Step};
use serde_json::Value;
use tokio::{process::Command, time::Instant};

use super::namespace::{Flow, NAME, Network};
use crate::support::{LocalDps, Output, Running};

/// How a device connects.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transport {
    Mqtt,
    WebSocket,
}

impl Transport {
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Mqtt => 8883,
            Self::WebSocket => 443,
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Mqtt => &[],
            Self::WebSocket => &["--websocket"],
        }
    }

    /// The service, as messages name it.
    pub(super) fn peer(self) -> String {
        format!("{NAME}:{}", self.port())
    }
}

/// Runs a case over both transports at the same time.
pub(super) async fn over_both(case: impl AsyncFn(Transport)) {
    tokio::join!(case(Transport::Mqtt), case(Transport::WebSocket));
}

/// The emulator, which listens on the service's ports, and the network.
pub(super) struct Site {
    pub(super) dps: LocalDps,
    pub(super) network: Network,
}

impl Site {
    /// Starts an emulator that answers the registration request with the assignment.
    pub(super) async fn start() -> Self {
        Self::start_with(Emulator::builder().polls_before_assigning(0)).await
    }

    /// Starts this emulator.
    pub(super) async fn start_with(builder: Builder) -> Self {
        let network = Network::new();
        let builder = builder.host(NAME).listen(network.service());
        let dps = LocalDps::start_with(builder.mqtt_port(8883).websocket_port(443)).await;
        Self { dps, network }
    }

    /// Runs `dps register` in the device's namespace, with these words.
    pub(super) async fn register(&self, transport: Transport, words: &[&str]) -> Registration {
        self.register_at(NAME, transport, words).await
    }

    /// Runs it against this host.
    pub(super) async fn register_at(&self, host: &str, transport: Transport, words: &[&str]) -> Registration {
        self.run(&self.dps.dps_register_at(host).await, transport, words).await
    }

    /// Runs it as a device with a symmetric key.
    pub(super) async fn register_with_symmetric_key(&self, transport: Transport, words: &[&str]) -> Registration {
        let command = self.dps.dps_register_with_symmetric_key_at(NAME).await;
        self.run(&command, transport, words).await
    }

    async fn run(&self, command: &Command, transport: Transport, words: &[&str]) -> Registration {
        let mut command = self.network.inside(command);
        command.args(transport.words()).args(words).stdin(Stdio::null());
        let start = Instant::now();
        let output = Running::start_piped("dps", &mut command).wait_with_output().await;
        Registration::new(start.elapsed(), output)
    }

    /// Runs it, and discards the packets of its connection once the emulator's log has an entry that `accept` accepts.
    pub(super) async fn register_until(
        &self,
        accept: impl FnMut(&LogEntry) -> bool,
        transport: Transport,
        words: &[&str],
    ) -> Registration {
        let discarding = async {
            let entry = self.dps.emulator.wait_for(accept).await;
            let device = entry.peer.expect("an address of the device");
            self.network.discard(Flow::DevicePort(device.port()));
        };
        tokio::join!(self.register(transport, words), discarding).0
    }
}

/// Delays what the emulator sends at this step, so that the connection can be cut before it.
pub(super) fn late(step: Step) -> Fault {
    Fault::new(Effect::Delay(Duration::from_millis(500)), step).expect("a fault")
}

/// Accepts entries of this kind.
pub(super) fn is(kind: LogKind) -> impl Fn(&LogEntry) -> bool {
    move |entry| entry.kind == kind
}

/// The end of `dps register`.
pub(super) struct Registration {
    pub(super) elapsed: Duration,
    code: Option<i32>,
    answer: Value,
    stderr: String,
}

impl Registration {
    fn new(elapsed: Duration, output: Output) -> Self {
        let Output { code, stdout, stderr } = output;
        let answer = serde_json::from_str(&stdout);
        let answer = answer.unwrap_or_else(|error| panic!("{error} in {stdout:?}\n{stderr}"));
        Self {
            elapsed,
            code,
            answer,
            stderr,
        }
    }

    #[track_caller]
    pub(super) fn assert_assigned(&self) {
        assert_eq!(
            (self.code, &self.answer["status"]),
            (Some(0), &"assigned".into()),
            "{} after {:?}\n{}",
            self.answer,
            self.elapsed,
            self.stderr
        );
    }

    /// Asserts how it failed, and that message and hint have these words.
    #[track_caller]
    pub(super) fn assert_failed(&self, code: i32, kind: &str, message: &[&str], hint: &[&str]) {
        let error = &self.answer["error"];
        assert_eq!((self.code, &error["kind"]), (Some(code), &kind.into()), "{error}");
        for (field, words) in [("message", message), ("hint", hint)] {
            let text = error[field].as_str().unwrap_or_default();
            for word in words {
                assert!(text.contains(word), "{field} has no {word:?}: {error}");
            }
        }
    }

    /// Asserts how long it took, in seconds.
    #[track_caller]
    pub(super) fn assert_took(&self, at_least: f64, less_than: f64) {
        let seconds = self.elapsed.as_secs_f64();
        assert!(
            (at_least..less_than).contains(&seconds),
            "it took {seconds} s, not {at_least} s to {less_than} s: {}",
            self.answer
        );
    }
}

//! Runs the examples of the tested crate, and other programs.

use std::{
    env,
    process::{Output, Stdio},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

use crate::soon;

/// The environment variables that give `dps` what a flag gives.
pub const INPUT_VARIABLES: [&str; 6] = [
    "PROVISIONING_HOST",
    "PROVISIONING_IDSCOPE",
    "PROVISIONING_REGISTRATION_ID",
    "CERTIFICATE_FILE",
    "KEY_FILE",
    "PROVISIONING_SYMMETRIC_KEY",
];

/// The other environment variables that it reads.
const OTHER_VARIABLES: [&str; 7] = [
    "RUST_LOG",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// Removes the variables that `dps` reads: the environment of the tests must not change their results.
pub fn without_dps_variables(command: &mut Command) -> &mut Command {
    for name in INPUT_VARIABLES.iter().chain(&OTHER_VARIABLES) {
        command.env_remove(name);
    }
    command
}

/// Returns a command that runs the example `name`, which `cargo test` has built beside this test program.
pub fn example(name: &str) -> Command {
    let test = env::current_exe().expect("the path of this test program");
    let target = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    Command::new(target.join("examples").join(name))
}

/// Runs a program that must succeed, and returns its standard output.
pub async fn run(command: &mut Command) -> String {
    let output = Running::start(command).end().await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// A running program, and the output that was read so far. Dropping it kills the program.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Running {
    /// Starts a program.
    pub fn start(command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.kill_on_drop(true).spawn();
        Self {
            child: child.unwrap_or_else(|error| panic!("{command:?} (`cargo test` builds examples): {error}")),
            stdout: vec![],
            stderr: vec![],
        }
    }

    /// Reads standard output until it contains this text.
    pub async fn until_stdout_has(&mut self, text: &str) {
        read_until(self.child.stdout.as_mut(), &mut self.stdout, text).await;
    }

    /// Reads standard error until it contains this text.
    pub async fn until_stderr_has(&mut self, text: &str) {
        read_until(self.child.stderr.as_mut(), &mut self.stderr, text).await;
    }

    /// Sends a signal, such as `INT` for Ctrl-C.
    #[cfg(unix)]
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("the program runs").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().await;
        assert!(sent.expect("kill").success());
    }

    /// Waits until the program ends, and returns everything that it printed.
    pub async fn end(self) -> Output {
        let mut output = soon("the program's end", self.child.wait_with_output())
            .await
            .expect("its output");
        output.stdout.splice(..0, self.stdout);
        output.stderr.splice(..0, self.stderr);
        output
    }
}

async fn read_until(pipe: Option<&mut (impl AsyncRead + Unpin)>, seen: &mut Vec<u8>, text: &str) {
    let pipe = pipe.expect("it is piped");
    let read = async {
        while !String::from_utf8_lossy(seen).contains(text) {
            seen.push(pipe.read_u8().await.expect(text));
        }
    };
    soon(text, read).await;
}

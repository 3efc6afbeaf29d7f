//! The SDKs of other languages, as external-tests installs and uses them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use benchmarks::Result;

use super::programs::root;

/// An SDK, and the script that registers one device with it: the script reads a question, and ends.
pub(super) struct Peer {
    pub(super) name: &'static str,
    program: PathBuf,
    script: PathBuf,
    modules: PathBuf,
}

/// How many SDKs there are.
pub(super) const COUNT: usize = 2;

/// The SDKs, or how to install them.
pub(super) fn find() -> [Result<Peer>; COUNT] {
    let scripts = root().join("crates/external-tests/scripts");
    let installed = root().join("target/tmp");
    let modules = installed.join("node/node_modules");
    let python = installed.join("python");
    [
        Peer {
            name: "Node",
            program: "node".into(),
            script: scripts.join("node/device.js"),
            modules,
        }
        .if_it_runs(
            "apt-get install nodejs npm && mkdir -p target/tmp/node && \
             cp crates/external-tests/scripts/node/package*.json target/tmp/node && \
             npm ci --ignore-scripts --prefix target/tmp/node",
        ),
        Peer {
            name: "Python",
            program: python.join("bin/python"),
            script: scripts.join("python/device.py"),
            modules: python,
        }
        .if_it_runs(
            "apt-get install python3-venv && python3 -m venv target/tmp/python && \
             target/tmp/python/bin/python -m pip install --require-hashes \
             -r crates/external-tests/scripts/python/requirements.txt",
        ),
    ]
}

impl Peer {
    /// An error that says how to install the SDK, unless a script without a question ends well.
    fn if_it_runs(self, install: &str) -> Result<Self> {
        let quiet = [(); 3].map(|()| Stdio::null());
        let [stdin, stdout, stderr] = quiet;
        let trial = self
            .command(Path::new(""))
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .status();
        if trial.is_ok_and(|status| status.success()) {
            Ok(self)
        } else {
            Err(format!("the {} SDK is not installed. Install it: {install}", self.name).into())
        }
    }

    /// The command, for a service with this CA. Python reads the CA from the question.
    pub(super) fn command(&self, ca: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).env("NODE_PATH", &self.modules);
        if ca.exists() {
            command.env("NODE_EXTRA_CA_CERTS", ca);
        }
        command
    }
}

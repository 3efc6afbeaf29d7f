//! The SDKs, as their lock files pin them, under `target/interop`. What is there already is kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::super::Context;
use crate::{console::say, process};

/// Where the SDKs are.
pub(super) struct Installed {
    scripts: PathBuf,
    node_modules: PathBuf,
    python: PathBuf,
}

impl Installed {
    pub(super) fn ensure(context: &Context) -> Result<Self, String> {
        let scripts = context.root.join("xtask/interop");
        let target = context.root.join("target/interop");
        let (node, python) = (target.join("node"), target.join("python"));
        unless_there(&node, &scripts.join("node/package-lock.json"), |lock| {
            fs::copy(scripts.join("node/package.json"), node.join("package.json")).map_err(told)?;
            fs::write(node.join("package-lock.json"), lock).map_err(told)?;
            let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
            run(process::program(&node, "npm", &words))
        })?;
        unless_there(&python, &scripts.join("python/requirements.txt"), |_| {
            let requirements = scripts.join("python/requirements.txt");
            run(process::program(&python, "python3", &["-m", "venv", "."]))
                .map_err(|error| format!("{error}; on Debian: apt-get install -y python3-venv"))?;
            let mut pip = Command::new(python.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            run({
                pip.args(["--require-hashes", "-r"]).arg(requirements);
                pip
            })
        })?;
        Ok(Self {
            scripts,
            node_modules: node.join("node_modules"),
            python: python.join("bin/python"),
        })
    }

    /// A script, with Node; it trusts this CA.
    pub(super) fn node(&self, script: &str, ca: &Path) -> Command {
        let mut command = Command::new("node");
        command
            .arg(self.scripts.join(script))
            .env("NODE_PATH", &self.node_modules)
            .env("NODE_EXTRA_CA_CERTS", ca);
        command
    }

    /// A script, with Python.
    pub(super) fn python(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.scripts.join(script));
        command
    }
}

/// Installs into an empty folder, unless the folder holds what this lock file asks for.
fn unless_there(folder: &Path, lock: &Path, install: impl FnOnce(&str) -> Result<(), String>) -> Result<(), String> {
    let wanted = fs::read_to_string(lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(error)),
        _ => fs::create_dir_all(folder).map_err(told)?,
    }
    say(&format!("installing into {}", folder.display()));
    install(&wanted)?;
    fs::write(stamp, wanted).map_err(told)
}

fn run(command: Command) -> Result<(), String> {
    let typed = process::typed(&command);
    match process::run(command) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("`{typed}` failed")),
        Err(error) => Err(format!("`{typed}` could not be started: {error}")),
    }
}

fn told(error: io::Error) -> String {
    format!("target/interop: {error}")
}

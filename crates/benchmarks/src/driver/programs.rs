//! Builds the programs that are measured, as they are shipped.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use benchmarks::Result;
use serde_json::Value;
use tool_support::cargo::package_variables;

/// The programs, by path.
pub(super) struct Programs {
    pub(super) subject: PathBuf,
    pub(super) counting: PathBuf,
    pub(super) service: PathBuf,
    pub(super) cost: PathBuf,
    /// The command of this project.
    pub(super) dps: PathBuf,
    /// The same without the local DPS, as for production.
    pub(super) production_dps: PathBuf,
    /// The smallest program with the client.
    pub(super) register: PathBuf,
    /// The smallest program without.
    pub(super) floor: PathBuf,
}

const DPS: &str = "--release --package provisioning-cli --bin dps";

impl Programs {
    pub(super) fn build() -> Result<Self> {
        let own = env::current_exe()?;
        // `cargo xtask bench` has built these.
        let beside = |name: &str| own.with_file_name(name).with_extension(env::consts::EXE_EXTENSION);
        // Both builds have the same path: the first one is copied before the second.
        let production_dps = beside("dps-production");
        fs::copy(build(&format!("{DPS} --no-default-features"))?, &production_dps)?;
        Ok(Self {
            subject: beside("subject"),
            counting: beside("counting"),
            service: beside("service"),
            cost: beside("cost"),
            dps: build(DPS)?,
            production_dps,
            register: build("--profile minimal --package minimal --features client --bin register")?,
            floor: build("--profile minimal --package minimal --bin floor")?,
        })
    }
}

/// The folder of the workspace's manifest.
pub(super) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn build(words: &str) -> Result<PathBuf> {
    let words = format!("build --locked --message-format json-render-diagnostics {words}");
    eprintln!("cargo {words}");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(words.split(' ')).current_dir(root());
    for name in package_variables() {
        cargo.env_remove(name);
    }
    let output = cargo.stderr(std::process::Stdio::inherit()).output()?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    match program {
        Some(program) if output.status.success() => Ok(program),
        _ => Err(format!("`cargo {words}` failed (see above)").into()),
    }
}

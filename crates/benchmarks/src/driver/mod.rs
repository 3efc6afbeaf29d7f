//! Runs every group of measurements, and prints one table.

mod figure;
mod flights;
mod memory;
mod peers;
mod process;
mod programs;
mod relay;
mod size;
mod start;
mod table;
mod warm;

use std::path::Path;

use benchmarks::{
    Result,
    task::{Facts, Pipelining, Roots, ServiceSettings, Side, Task, Transport},
};
use tempfile::TempDir;

use self::{peers::Peer, process::Process, programs::Programs, table::Table};
use crate::Arguments;

/// What the groups of measurements share.
struct Bench<'a> {
    arguments: &'a Arguments,
    programs: Programs,
    peers: Vec<Peer>,
    folder: TempDir,
}

/// Returns whether everything could be measured.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let mut table = Table::default();
    let mut peers = vec![];
    if arguments.peers {
        for found in peers::find() {
            match found {
                Ok(peer) => peers.push(peer),
                Err(absent) => table.add_error(absent),
            }
        }
    }
    let bench = Bench {
        arguments,
        programs: Programs::build()?,
        peers,
        folder: tempfile::tempdir()?,
    };
    for (name, measure) in [
        ("warm", warm::measure as fn(&Bench<'_>) -> Result<Vec<table::Row>>),
        ("from process start", start::measure),
        ("many at once", memory::measure),
        ("round trips", flights::measure),
        ("program size", size::measure),
    ] {
        eprintln!("measuring: {name}");
        match measure(&bench) {
            Ok(rows) => table.add(rows),
            Err(error) => table.add_error(format!("{name}: {error}")),
        }
    }
    println!("{table}");
    Ok(table.is_complete())
}

impl Bench<'_> {
    /// Starts a service that assigns at once.
    fn service(&self) -> Result<(Process, Facts)> {
        self.service_with(&self.settings())
    }

    fn settings(&self) -> ServiceSettings {
        ServiceSettings {
            folder: self.path().to_owned(),
            mqtt_address: None,
            keep_waiting: false,
        }
    }

    fn service_with(&self, settings: &ServiceSettings) -> Result<(Process, Facts)> {
        let mut service = Process::start(&self.programs.service, settings)?;
        let facts = service.read()?;
        Ok((service, facts))
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// One device with a certificate, which trusts the service's CA.
fn task(facts: &Facts, side: Side, transport: Transport) -> Task {
    Task {
        facts: facts.clone(),
        side,
        transport,
        roots: Roots::Own,
        pipelining: Pipelining::Off,
        together: None,
    }
}

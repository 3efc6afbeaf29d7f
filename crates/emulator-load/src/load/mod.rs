//! The command: its flags, and the scenarios one after the other.

mod binary;
mod client;
mod ground;
mod http;
mod idle;
mod limits;
mod machine;
mod pace;
mod process;
mod registrations;
mod run;
mod sas;
mod scenario;
mod scenarios;
mod service;
mod statistics;
mod table;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;

use self::{binary::beside_this_program, ground::Setup, machine::Machine, scenario::Scenario, table::Table};

/// Any error: the command prints it, or the table has it.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the local DPS under load and abuse, over loopback.
#[derive(Debug, Parser)]
#[command(name = "emulator-load")]
struct Args {
    /// Run only this scenario; can be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Name the scenarios, and exit
    #[arg(long)]
    list: bool,

    /// The emulator to measure; unless given, the `dps-emulator` beside this program
    #[arg(long, value_name = "FILE")]
    emulator: Option<PathBuf>,

    /// An earlier emulator: registering must not be slower than with this one
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,

    /// How many devices are connected and idle, over TLS and as many again over WebSocket
    #[arg(long, value_name = "N", default_value_t = 1000)]
    idle: usize,
}

pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(args)));
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether every row is within its limit.
async fn run(args: Args) -> Result<bool> {
    if args.list {
        for scenario in scenarios::all() {
            println!("{:22}{}", scenario.name(), scenario.about());
        }
        return Ok(true);
    }
    let scenarios = selected(&args.only)?;
    limits::raise_open_files(args.idle)?;
    let setup = Setup {
        emulator: args.emulator.map_or_else(beside_this_program, Ok)?,
        before: args.before,
        idle: args.idle,
    };
    eprintln!("measuring {}", setup.emulator.display());
    let mut table = Table::default();
    let machine = Machine::watch()?;
    for scenario in scenarios {
        run::scenario(scenario.as_ref(), &setup, &mut table).await;
    }
    let others = format!("{} % of the CPUs", machine.others()?);
    table.rows("all").show("used by other programs", others);
    print!("{table}");
    Ok(table.holds())
}

fn selected(only: &[String]) -> Result<Vec<Box<dyn Scenario>>> {
    let mut scenarios = scenarios::all();
    if let Some(unknown) = only.iter().find(|name| scenarios.iter().all(|it| it.name() != *name)) {
        return Err(format!("there is no scenario {unknown:?}; --list names them").into());
    }
    scenarios.retain(|scenario| only.is_empty() || only.iter().any(|name| name == scenario.name()));
    Ok(scenarios)
}

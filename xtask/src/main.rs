//! The program behind `cargo xtask`.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    ExitCode::from(xtask::run(env::args().skip(1)))
}

//! `examples`: every example runs to a good end without a word on its command line, against what it starts itself.

use std::{
    io::{self, Read},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{Check, Context, found};
use crate::{
    console::say,
    report::{Finding, Report},
    test_binaries::{self, Kind},
};

pub(super) const CHECK: Check = Check {
    name: "examples",
    about: "every example runs to a good end",
    can_fix: false,
    run,
};

/// Far more than any example needs on a slow machine; an example that hangs must not hang the check.
const LIMIT: Duration = Duration::from_secs(120);

fn run(context: &Context) -> Report {
    let binaries = match test_binaries::build(&context.root) {
        Ok(binaries) => binaries,
        Err(why) => return Report::failed(Finding::general(why, "see above")),
    };
    let mut count = 0;
    let mut findings = Vec::new();
    for example in binaries.iter().filter(|binary| binary.kind == Kind::Example) {
        say(&format!("$ {}", example.program.display()));
        count += 1;
        let mut command = Command::new(&example.program);
        command.current_dir(&context.root).stdin(Stdio::null());
        findings.extend(ends_well(command, LIMIT).err().map(|why| {
            let file = context.relative(&example.source);
            Finding::at(&file, 1, format!("the example {why}"), "it is to run without arguments")
        }));
    }
    Report {
        note: format!("{count} examples"),
        ..found(findings)
    }
}

/// Runs the program; the error says how it ended otherwise.
fn ends_well(mut command: Command, limit: Duration) -> Result<(), String> {
    let started = command.stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| format!("did not start: {error}"))?;
    let output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    // The end of its output is the end of the program, and can be waited for with a limit.
    thread::spawn(move || sender.send(output.map(read_all)));
    let heard = receiver.recv_timeout(limit);
    if heard.is_err() {
        child.kill().map_err(|error| format!("could not be stopped: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("got lost: {error}"))?;
    let Ok(output) = heard else {
        return Err(format!("was stopped after {} s", limit.as_secs()));
    };
    if let Some(Ok(output)) = output {
        say(output.trim_end());
    }
    if status.success() {
        Ok(())
    } else {
        Err(format!("failed: {status}"))
    }
}

fn read_all(mut output: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::process::cargo;

    fn cargo_run(words: &[&str]) -> Command {
        cargo(Path::new(env!("CARGO_MANIFEST_DIR")), words)
    }

    #[test]
    fn a_program_that_ends_well_is_fine_and_one_that_fails_is_not() {
        assert_eq!(ends_well(cargo_run(&["--version"]), LIMIT), Ok(()));
        let why = ends_well(cargo_run(&["--no-such-option"]), LIMIT).expect_err("it fails");
        assert!(why.starts_with("failed: "), "{why}");
        let why = ends_well(Command::new("no-such-program-anywhere"), LIMIT).expect_err("it does not start");
        assert!(why.starts_with("did not start: "), "{why}");
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        // The compiler waits for source that never comes.
        let mut command = Command::new("rustc");
        command.arg("-").stdin(Stdio::piped());
        let why = ends_well(command, Duration::from_millis(300)).expect_err("it hangs");
        assert_eq!(why, "was stopped after 0 s");
    }
}

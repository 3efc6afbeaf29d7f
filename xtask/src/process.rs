//! Running cargo and other programs: announced, in the repository's root, with the caller's environment cleaned.

use std::{
    env,
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::console::say;

/// A cargo command in the repository's root.
pub(crate) fn cargo(root: &Path, words: &[&str]) -> Command {
    // Under `cargo run` this names the toolchain that built xtask.
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = in_root(root, Command::new(program));
    command.args(words);
    command
}

/// A program in the repository's root.
pub(crate) fn program(root: &Path, name: &str, words: &[&str]) -> Command {
    let mut command = in_root(root, Command::new(name));
    command.args(words);
    command
}

/// Runs it with its output passed through; says whether it succeeded.
pub(crate) fn run(mut command: Command) -> io::Result<bool> {
    announce(&command);
    command.status().map(|status| status.success())
}

/// Runs it with its output passed through, and shows every line of its stdout to `listener` as well.
pub(crate) fn run_and_listen(mut command: Command, mut listener: impl FnMut(&str)) -> io::Result<bool> {
    announce(&command);
    each_line(&mut command, |line| {
        say(line);
        listener(line);
    })
}

/// Runs it and shows every line of its stdout to `listener` only.
pub(crate) fn each_line(command: &mut Command, mut listener: impl FnMut(&str)) -> io::Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            listener(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
            line.clear();
        }
    }
    child.wait().map(|status| status.success())
}

/// Runs it and returns its stdout; the error is what it said on stderr.
pub(crate) fn capture(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// The command as one would type it.
pub(crate) fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_stem().unwrap_or_default().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}

fn announce(command: &Command) {
    say(&format!("$ {}", typed(command)));
}

fn in_root(root: &Path, mut command: Command) -> Command {
    command.current_dir(root);
    // `cargo run` tells its program about the package that it runs. Build scripts (ring's is one) watch these names:
    // with them set, what a plain `cargo build` built before would be built again.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_package) {
            command.env_remove(name);
        }
    }
    command
}

fn describes_package(name: &str) -> bool {
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stdout_is_heard_line_by_line_and_failure_is_told_from_success() {
        let mut heard = Vec::new();
        let mut version = cargo(Path::new("."), &["--version"]);
        let ok = each_line(&mut version, |line| heard.push(line.to_owned())).expect("cargo runs");
        assert!(ok && heard.len() == 1 && heard[0].starts_with("cargo "), "{heard:?}");
        let error = capture(cargo(Path::new("."), &["no-such-verb"])).expect_err("there is no such verb");
        assert!(error.contains("no-such-verb"), "{error}");
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let command = program(Path::new("."), "/usr/bin/rustup.exe", &["toolchain", "list"]);
        assert_eq!(typed(&command), "rustup toolchain list");
    }

    #[test]
    fn what_cargo_says_of_the_running_package_is_kept_from_children() {
        assert!(describes_package("CARGO_PKG_NAME") && describes_package("CARGO_MANIFEST_DIR"));
        assert!(!describes_package("CARGO_TARGET_DIR") && !describes_package("CARGO_TERM_COLOR"));
    }
}

//! The ways to lose what `dps` prints, and how it ends on each.

use std::{
    fs,
    path::Path,
    process::{self, Output, Stdio},
    time::Duration,
};

use test_support::{soon, without_dps_variables};
use tokio::process::Command;

use super::stored;

/// A stream that cannot be written: its name, what a shell does first, and what the shell's own stream is.
type Loss = (&'static str, &'static str, fn() -> Stdio);

/// Output that is lost without the user's will: exit code 1.
const LOST: [Loss; 2] = [
    ("a full disk", r#"exec "$@" > /dev/full"#, Stdio::null),
    ("a file-size limit", r#"ulimit -f 0; exec "$@" > "$OUT""#, Stdio::null),
];

/// Output that nobody reads: no error. A closed stream is `/dev/null`, which the standard library opens in its place.
const UNREAD: [Loss; 3] = [
    ("closed", r#"exec "$@" >&-"#, Stdio::null),
    ("a closed pipe", r#"exec "$@""#, closed_pipe),
    ("/dev/null", r#"exec "$@""#, Stdio::null),
];

/// Errors that cannot be reported.
const UNREPORTED: [Loss; 3] = [
    ("a full disk", r#"exec "$@" 2> /dev/full"#, Stdio::null),
    ("closed", r#"exec "$@" 2>&-"#, Stdio::null),
    ("a closed pipe", r#"exec "$@""#, closed_pipe),
];

fn closed_pipe() -> Stdio {
    let (_, writer) = std::io::pipe().expect("a pipe");
    writer.into()
}

/// Every command, and its exit code when nothing is lost.
fn commands(folder: &Path) -> Vec<(Vec<String>, i32)> {
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    fs::write(path("key"), "a2V5").expect("a file");
    fs::write(path("store.json"), stored("device-1")).expect("a file");
    let (key, store, dir) = (path("key"), path("store.json"), path("dir"));
    let doctor = "doctor --host localhost:1 --websocket-port 1 --connect-timeout 5";
    let commands = [
        ("--help", 0),
        ("--version", 0),
        ("register --help", 0),
        ("emulator --help", 0),
        (&format!("derive-key --registration-id d --group-key-file {key}"), 0),
        (
            &format!("sas --id-scope 0ne1 --registration-id d --symmetric-key-file {key}"),
            0,
        ),
        (&format!("connection --store {store} --symmetric-key-file {key}"), 0),
        ("register --local", 0),
        (doctor, 4),
    ];
    let mut all = vec![];
    for (words, code) in commands {
        let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
        if !words.contains(&"--help".to_owned()) && words[0] != "--version" {
            all.push(([&words[..], &["--json".to_owned()]].concat(), code));
        }
        all.push((words, code));
    }
    // A failure is output too.
    let failures = [
        ("--json", 2),
        ("register --json --nonsense", 2),
        (
            "sas --json --id-scope 0ne1 --registration-id d --symmetric-key-file no/such",
            2,
        ),
        (&format!("emulator --json --config no/such --dir {dir}"), 2),
    ];
    all.extend(failures.map(|(words, code)| (words.split(' ').map(str::to_owned).collect(), code)));
    all
}

/// Runs with the loss on standard output, and returns the exit code and standard error.
async fn run_with_lost_output(words: &[String], &(_, script, stdout): &Loss, folder: &Path) -> (i32, String) {
    let output = end(in_shell(script, words, folder).stdout(stdout()).stderr(Stdio::piped())).await;
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code().unwrap_or(-1), stderr)
}

async fn end(command: &mut Command) -> Output {
    let child = command.spawn().expect("a shell");
    soon("the end", child.wait_with_output()).await.expect("its output")
}

fn in_shell(script: &str, words: &[String], folder: &Path) -> Command {
    let mut command = Command::new("sh");
    without_dps_variables(&mut command).env("OUT", folder.join("out"));
    command
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_dps")])
        .args(words);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn output_that_is_lost_is_an_error_of_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for loss in &LOST {
        for (words, _) in commands(folder.path()) {
            let (code, stderr) = run_with_lost_output(&words, loss, folder.path()).await;
            assert_eq!(code, 1, "{} of {words:?}: {stderr}", loss.0);
            let last = stderr.lines().last().unwrap_or_default();
            assert!(
                last.starts_with("error: this machine failed: standard output cannot be written: "),
                "{} of {words:?}: {stderr}",
                loss.0
            );
        }
    }
}

#[tokio::test]
async fn output_that_nobody_reads_is_no_error_of_any_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for loss in &UNREAD {
        for (words, expected) in commands(folder.path()) {
            let (code, stderr) = run_with_lost_output(&words, loss, folder.path()).await;
            assert_eq!(code, expected, "{} of {words:?}: {stderr}", loss.0);
            assert!(
                !stderr.contains("panicked") && !stderr.contains("standard output"),
                "{stderr}"
            );
        }
    }
}

#[tokio::test]
async fn errors_that_cannot_be_reported_change_neither_the_exit_code_nor_the_output() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, script, stderr) in UNREPORTED {
        for (words, expected) in commands(folder.path()) {
            let mut command = in_shell(script, &words, folder.path());
            // The log is on standard error too.
            command.env("RUST_LOG", "trace").stdout(Stdio::piped()).stderr(stderr());
            let output = end(&mut command).await;
            assert_eq!(output.status.code(), Some(expected), "{name} of {words:?}");
            assert!(!output.stdout.is_empty(), "{name} of {words:?}");
        }
    }
}

#[tokio::test]
async fn an_emulator_whose_ports_cannot_be_printed_ends_and_one_whose_reader_is_gone_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (dir, ready) = (folder.path().join("dir"), folder.path().join("ready"));
    let mut words = vec!["emulator".to_owned()];
    for port in ["--mqtt-port", "--ws-port", "--control-port", "--page-port"] {
        words.extend([port.to_owned(), "0".to_owned()]);
    }
    for (flag, path) in [("--dir", &dir), ("--ready-file", &ready)] {
        words.extend([flag.to_owned(), path.to_str().expect("UTF-8").to_owned()]);
    }
    let (code, stderr) = run_with_lost_output(&words, &LOST[0], folder.path()).await;
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("standard output cannot be written"), "{stderr}");
    fs::remove_file(&ready).expect("a file");
    for (name, script, stdout) in UNREAD {
        let child = in_shell(script, &words, folder.path()).stdout(stdout()).spawn();
        let mut child = child.expect("a shell");
        let written = async {
            while !ready.exists() {
                // Another process writes it.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon("the ready file", written).await;
        fs::remove_file(&ready).expect("a file");
        let id = child.id().expect("it runs").to_string();
        let sent = process::Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(sent.expect("kill").success());
        assert_eq!(
            soon("the end", child.wait()).await.expect("an end").code(),
            Some(0),
            "{name}"
        );
    }
}

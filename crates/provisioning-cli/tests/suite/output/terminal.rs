//! Standard error on a terminal: a live line, unless the terminal is dumb; the log and colors change nothing.

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
    thread,
};

use provisioning_emulator::{Effect, Emulator, Fault, Step};
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::json;
use test_support::emulator::start;

use crate::support::Files;

/// Registers with standard error on a terminal, and returns standard output and what the terminal received.
fn register_on_a_terminal(environment: &[(&str, &str)]) -> (String, String) {
    run_on_a_terminal(&["register", "--local", "--registration-id", "device-1"], environment)
}

fn run_on_a_terminal(words: &[&str], environment: &[(&str, &str)]) -> (String, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("a terminal");
    unlockpt(&terminal).expect("a terminal");
    let name = ptsname(&terminal, vec![]).expect("its name");
    let its_end = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dps"));
    command.args(words);
    command
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(its_end);
    let child = command.spawn().expect("dps");
    // It holds the other end of the terminal, which would not end.
    drop(command);
    let reader = thread::spawn(move || {
        let mut received = vec![];
        // Linux reports the end as an error.
        let _ = File::from(terminal).read_to_end(&mut received);
        String::from_utf8(received).expect("UTF-8")
    });
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    (
        String::from_utf8(output.stdout).expect("UTF-8"),
        reader.join().expect("text"),
    )
}

#[test]
fn a_terminal_has_a_live_line_without_colors_and_a_dumb_one_plain_lines() {
    let (stdout, live) = register_on_a_terminal(&[]);
    assert!(stdout.starts_with("assigned\n"), "{stdout}");
    assert!(
        live.contains("\u{1b}[2K") && live.contains("connecting to mqtts://localhost:"),
        "{live:?}"
    );
    let (stdout, plain) = register_on_a_terminal(&[("TERM", "dumb")]);
    assert!(stdout.starts_with("assigned\n"), "{stdout}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let lines: Vec<_> = plain.lines().collect();
    assert_eq!(lines.first(), Some(&"starting a local DPS"), "{plain:?}");
    assert_eq!(
        lines.last(),
        Some(&"assigned to local-hub.azure-devices.net"),
        "{plain:?}"
    );
}

#[test]
fn there_are_no_colors_with_no_color_and_in_no_log() {
    let colors = |text: &str| {
        let sequences = text.split("\u{1b}[").skip(1);
        let ends = sequences.filter_map(|rest| rest.chars().find(|c| c.is_ascii_alphabetic()));
        ends.filter(|&end| end == 'm').count()
    };
    for environment in [
        &[("NO_COLOR", "1")][..],
        &[("NO_COLOR", "1"), ("RUST_LOG", "debug")],
        &[("RUST_LOG", "debug")],
    ] {
        let (_, terminal) = register_on_a_terminal(environment);
        assert_eq!(colors(&terminal), 0, "{environment:?}: {terminal:?}");
    }
}

#[test]
fn a_log_changes_neither_the_live_line_nor_the_output() {
    let without_ids = |stdout: String| {
        stdout
            .lines()
            .filter(|line| !line.contains("operation id"))
            .collect::<String>()
    };
    let (stdout, _) = register_on_a_terminal(&[]);
    let (logged_stdout, logged) = register_on_a_terminal(&[("RUST_LOG", "provisioning_client=debug")]);
    assert_eq!(without_ids(logged_stdout), without_ids(stdout));
    assert!(logged.contains("DEBUG"), "{logged:?}");
    assert!(logged.contains("\u{1b}[2K"), "the line is live: {logged:?}");
    let (_, dumb) = register_on_a_terminal(&[("TERM", "dumb")]);
    let (_, logged) = register_on_a_terminal(&[("TERM", "dumb"), ("RUST_LOG", "provisioning_client=debug")]);
    let progress = |text: &str| text.lines().filter(|line| !line.contains("DEBUG")).count();
    assert_eq!(progress(&logged), progress(&dumb), "{logged:?}");
}

#[tokio::test]
async fn text_of_the_service_is_escaped_on_the_live_line() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let files = Files::of(&emulator, "device-1");
    let body = json!({"status": "assigned", "registrationState": {
        "assignedHub": "hub\u{1b}]0;title\u{7}\u{202e}", "deviceId": "device-1", "status": "assigned",
    }});
    emulator.inject(Fault::new(Effect::Body(body.to_string()), Step::Answer).expect("a fault"));
    let words = files.registration();
    let run = move || run_on_a_terminal(&words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let (stdout, terminal) = tokio::task::spawn_blocking(run).await.expect("an end");
    for text in [stdout, terminal] {
        assert!(text.contains(r"hub\u{1b}]0;title\u{7}\u{202e}"), "{text:?}");
        assert!(
            !text.contains('\u{7}') && !text.contains("\u{1b}]") && !text.contains('\u{202e}'),
            "{text:?}"
        );
    }
    emulator.shutdown().await;
}

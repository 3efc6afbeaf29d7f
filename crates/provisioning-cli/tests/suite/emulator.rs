//! `dps emulator`: a local DPS as a process, and `dps register` with it.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::support::{Run, dps, start_dps};

/// Each server on a free port.
const FREE_PORTS: [&str; 8] = [
    "--mqtt-port",
    "0",
    "--ws-port",
    "0",
    "--control-port",
    "0",
    "--page-port",
    "0",
];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The content of the ready file, once it exists: it is written in one step.
async fn ready(file: &Path) -> Value {
    for _ in 0..600 {
        if let Ok(content) = fs::read(file) {
            return serde_json::from_slice(&content).expect("JSON");
        }
        // Another process writes it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} was not written", file.display());
}

#[cfg(unix)]
#[tokio::test]
async fn a_device_registers_with_an_emulator_that_a_signal_ends_with_0() {
    let temporary = tempfile::tempdir().expect("a folder");
    let (dir, ready_file) = (temporary.path().join("dps"), temporary.path().join("ready.json"));
    for signal in ["TERM", "INT"] {
        let words = ["emulator", "--dir", text(&dir), "--ready-file", text(&ready_file)];
        let emulator = start_dps(&[&words[..], &FREE_PORTS].concat(), &[]);
        let ready = ready(&ready_file).await;
        fs::remove_file(&ready_file).expect("a file");
        let (cert, key) = (dir.join("devices/device-1.pem"), dir.join("devices/device-1.key"));
        for (port, transport) in [("mqttPort", &[][..]), ("wsPort", &["--websocket"])] {
            let host = format!("localhost:{}", ready[port]);
            let words = [
                "register",
                "--host",
                &host,
                "--id-scope",
                ready["idScope"].as_str().expect("text"),
                "--ca",
                ready["ca"].as_str().expect("text"),
                "--cert",
                text(&cert),
                "--key",
                text(&key),
                "--json",
            ];
            let run = dps(&[&words[..], transport].concat()).await;
            assert_eq!((run.code, &run.json()["deviceId"]), (0, &"device-1".into()), "{run:?}");
        }
        emulator.signal(signal).await;
        let run = Run::of(emulator).await;
        assert_eq!(run.code, 0, "{signal}: {run:?}");
        assert_eq!(run.json()["mqttPort"], ready["mqttPort"], "{run:?}");
        assert!(!run.stdout.contains("SharedAccessKey="), "{run:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_ready_file_is_a_regular_file_or_a_link_to_one() {
    let temporary = tempfile::tempdir().expect("a folder");
    let path = |name: &str| temporary.path().join(name);
    for not_regular in [temporary.path(), Path::new("/dev/null")] {
        let dir = path("none");
        let words = [
            "emulator",
            "--json",
            "--dir",
            text(&dir),
            "--ready-file",
            text(not_regular),
        ];
        let run = dps(&[&words[..], &FREE_PORTS].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
        assert!(run.message().ends_with("expected a regular file"), "{run:?}");
        assert!(!dir.exists(), "{run:?}");
    }
    let (dir, link, target) = (path("dps"), path("link"), path("ready.json"));
    std::os::unix::fs::symlink("ready.json", &link).expect("a link");
    let words = ["emulator", "--dir", text(&dir), "--ready-file", text(&link)];
    let emulator = start_dps(&[&words[..], &FREE_PORTS].concat(), &[]);
    ready(&target).await;
    emulator.signal("TERM").await;
    assert_eq!(Run::of(emulator).await.code, 0);
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
}

#[tokio::test]
async fn wrong_flags_are_usage_errors_in_both_forms() {
    let temporary = tempfile::tempdir().expect("a folder");
    let dir = text(temporary.path());
    let cases: [(&[&str], &str); 3] = [
        (&["--dir", dir, "--mqtt-port", "99999"], "--mqtt-port"),
        (&["--dir", dir, "--id-scope", "a b"], "an id scope is"),
        (&["--dir", dir, "--nonsense"], "--nonsense"),
    ];
    for (words, expected) in cases {
        let words = [&["emulator"], words].concat();
        let run = dps(&words).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.contains(expected), "{words:?}: {run:?}");
        let run = dps(&[&words[..], &["--json"]].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "usage"), "{words:?}: {run:?}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_exits_with_2_and_a_taken_port_with_1() {
    let temporary = tempfile::tempdir().expect("a folder");
    let config = temporary.path().join("emulator.toml");
    fs::write(&config, "nonsense = 1").expect("a file");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = taken.local_addr().expect("its address").port().to_string();
    let mut other_ports = FREE_PORTS;
    other_ports[1] = &port;
    let cases: [(&[&str], i32, &str); 2] = [
        (&["--config", text(&config)], 2, "emulator.toml"),
        (&other_ports, 1, "`--mqtt-port 0` takes a free one"),
    ];
    for (words, code, expected) in cases {
        let folder = temporary.path().join("dps");
        let run = dps(&[&["emulator", "--dir", text(&folder)], words].concat()).await;
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{words:?}: {run:?}");
        let error = run.stderr.lines().last().unwrap_or_default();
        assert!(
            error.starts_with("error: ") && error.contains(expected),
            "{words:?}: {run:?}"
        );
    }
}

#[tokio::test]
async fn the_help_names_dps_emulator_and_its_flags() {
    let run = dps(&["emulator", "--help"]).await;
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    for part in [
        "Usage: dps emulator [OPTIONS]",
        "    dps emulator --config emulator.toml",
        "--ready-file",
        "--config",
    ] {
        assert!(run.stdout.contains(part), "{part} in {run:?}");
    }
    // The folder is named like the other command.
    assert!(
        !run.stdout.replace(".dps-emulator", "").contains("dps-emulator"),
        "{run:?}"
    );
}

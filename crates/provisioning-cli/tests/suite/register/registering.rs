//! A registration as its user meets it: words in; exit code, standard output and standard error out.

use provisioning_emulator::{Device, Emulator, LogKind, RetryAfter, TlsVersions};

use test_support::{emulator::start, listen, soon};

use crate::support::{Files, Run, dps};

#[tokio::test]
async fn local_registers_over_mqtt_without_any_other_flag() {
    let run = dps(&["register", "--local"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout
            .starts_with("assigned\n  registration id  device-1\n  assigned hub "),
        "{run:?}"
    );
    assert!(run.stderr.contains("connecting to mqtts://localhost:"), "{run:?}");
    assert!(run.stderr.contains("connected"), "{run:?}");
}

#[tokio::test]
async fn local_registers_over_websocket_and_json_is_one_object_with_every_field() {
    let words = [
        "register",
        "--local",
        "--websocket",
        "--json",
        "--registration-id",
        "Sn-7",
        "--payload",
        "[0, \"ü\"]",
    ];
    let run = dps(&words).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("connecting to wss://localhost:"), "{run:?}");
    let answer = run.json();
    assert_eq!(answer["status"], "assigned");
    assert_eq!(answer["registrationId"], "Sn-7");
    assert_eq!(answer["deviceId"], "Sn-7");
    assert_eq!(answer["substatus"], "initialAssignment");
    assert_eq!(answer["payload"], serde_json::json!([0, "ü"]));
    for name in [
        "assignedHub",
        "operationId",
        "etag",
        "createdDateTimeUtc",
        "lastUpdatedDateTimeUtc",
    ] {
        assert!(answer[name].is_string(), "{name} in {answer}");
    }
}

#[tokio::test]
async fn keep_alive_user_agent_and_api_version_reach_the_service_as_given() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let files = Files::of(&emulator, "device-1");
    let words = [
        "--keep-alive",
        "77",
        "--user-agent-suffix",
        "meter/2.1",
        "--api-version",
        "2021-10-01",
        "--json",
    ];
    let run = files.register(&files.host, &words).await;
    assert_eq!(run.code, 0, "{run:?}");
    let log = emulator.log();
    let connect = log
        .iter()
        .find(|entry| entry.kind == LogKind::Connect)
        .expect("somebody connected");
    for part in ["keep-alive 77 s", "%20meter%2F2.1", "api-version=2021-10-01"] {
        let payload = connect.payload.as_deref().unwrap_or_default();
        assert!(payload.contains(part), "{part} in {connect:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn each_mode_of_pipelining_registers() {
    for carrier in [&[][..], &["--websocket"]] {
        for mode in ["off", "after-connack", "full"] {
            let run = dps(&[&["register", "--local", "--pipelining", mode][..], carrier].concat()).await;
            assert_eq!(run.code, 0, "{run:?}");
        }
    }
    let run = dps(&["register", "--local", "--pipelining", "on"]).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.stderr.contains("[possible values: off, after-connack, full]"),
        "{run:?}"
    );
}

#[tokio::test]
async fn a_blocked_port_is_gone_around_when_asked_to_and_not_otherwise() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let files = Files::of(&emulator, "device-1");
    // Takes connections and never says a word, as a firewall may.
    let (_silent, host) = listen::<String>().await;
    let host = host.replace("127.0.0.1", "localhost");
    let websocket_port = emulator.websocket_port().to_string();
    let words = ["--websocket-port", websocket_port.as_str(), "--json"];
    let fallback = [
        &words[..],
        &["--fallback", "--fallback-after", "0.3", "--timeout", "11"],
    ]
    .concat();
    let run = files.register(&host, &fallback).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stderr
            .contains(&format!("connecting to wss://localhost:{websocket_port}/")),
        "{run:?}"
    );
    let run = files
        .register(&host, &[&words[..], &["--operation-timeout", "0.3"]].concat())
        .await;
    assert_eq!(run.code, 5, "{run:?}");
    let run = files
        .register(&files.host, &[&words[..], &["--fallback"]].concat())
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.stderr.contains("wss://"), "{run:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn no_version_of_tls_is_spoken_below_the_one_given() {
    let emulator = start(
        Emulator::builder()
            .polls_before_assigning(0)
            .tls_versions(TlsVersions::Only12),
    )
    .await;
    let files = Files::of(&emulator, "device-1");
    for (version, code, kind) in [("1.2", 0, ""), ("1.3", 4, "tls")] {
        let run = files.register(&files.host, &["--tls-min", version, "--json"]).await;
        assert_eq!((run.code, run.kind().as_str()), (code, kind), "{version}: {run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_gateway_bears_the_name_that_it_is_said_to_bear() {
    let emulator = start(Emulator::builder().polls_before_assigning(0).host("service.example")).await;
    let files = Files::of(&emulator, "device-1");
    for (name, code) in [("service.example", 0), ("other.example", 4)] {
        let run = files.register(&files.host, &["--server-name", name, "--json"]).await;
        assert_eq!(run.code, code, "{name}: {run:?}");
        let for_another = run.stdout.contains("the server's certificate is not for other.example");
        assert_eq!(for_another, code != 0, "{name}: {run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn one_request_may_take_as_long_as_the_operation_timeout_says() {
    let (_silent, host) = listen::<String>().await;
    let emulator = Emulator::builder().start_in_memory().expect("a CA");
    let device = emulator.issue_device("device-1").expect("a device");
    let files = Files::of_identity(&emulator, &device);
    let run = files.register(&host, &["--operation-timeout", "0.2", "--json"]).await;
    assert_eq!((run.code, run.kind().as_str()), (5, "timeout"), "{run:?}");
    assert!(run.message().contains("within 0.2 s"), "{run:?}");
}

#[tokio::test]
async fn a_stopped_service_is_a_connect_error() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let host = files.host.clone();
    emulator.shutdown().await;
    let run = files.register(&host, &["--json"]).await;
    assert_eq!((run.code, run.kind().as_str()), (4, "connect"), "{run:?}");
    assert_eq!(run.error()["phase"], "connect");
    assert_eq!(run.error()["retryable"], true);
    assert!(run.message().contains("was not reached on TCP port"), "{run:?}");
}

#[tokio::test]
async fn a_ca_that_is_not_trusted_is_a_tls_error_over_both_transports() {
    let emulator = start(Emulator::builder()).await;
    let stranger = Emulator::builder().start_in_memory().expect("another CA");
    let files = Files::of(&emulator, "device-1");
    let other_ca = files.write("other-ca.pem", stranger.ca_pem());
    for (host, words) in [
        (&files.host, &["--ca", other_ca.as_str(), "--json"] as &[&str]),
        (&files.websocket_host, &["--ca", &other_ca, "--json", "--websocket"]),
    ] {
        let run = files.register(host, words).await;
        assert_eq!((run.code, run.kind().as_str()), (4, "tls"), "{run:?}");
        assert!(run.message().contains("which is not trusted"), "{run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
#[cfg(unix)]
async fn an_interrupt_leaves_in_an_orderly_way_and_exits_130() {
    let emulator = start(
        Emulator::builder()
            .device(Device::new("device-1").never_assigned())
            .retry_after(RetryAfter::Seconds(30)),
    )
    .await;
    let files = Files::of(&emulator, "device-1");
    for signal in ["INT", "TERM"] {
        emulator.clear_log();
        let mut running = files.start(&files.host, &["--json"]);
        running.until_stderr_has("assigning").await;
        running.signal(signal).await;
        let run = Run::of(running).await;
        assert_eq!((run.code, run.kind().as_str()), (130, "cancelled"), "{run:?}");
        assert_eq!(run.error()["phase"], "wait");
        // The emulator may read them only after `dps` has ended.
        for kind in [LogKind::Unsubscribe, LogKind::Disconnect] {
            soon(kind.as_str(), emulator.wait_for(|entry| entry.kind == kind)).await;
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_help_is_for_strangers() {
    for words in [["--help"].as_slice(), &["register", "--help"], &["--version"]] {
        let run: Run = dps(words).await;
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    }
    let help = dps(&["--help"]).await.stdout;
    for command in ["register", "connection", "doctor", "derive-key", "sas", "emulator"] {
        let line = help.lines().filter(|line| line.trim_start().starts_with(command));
        assert_eq!(line.count(), 1, "{command} in {help}");
    }
    assert!(
        !help.contains("  hub"),
        "the earlier name of `connection` is not shown: {help}"
    );
    let help = dps(&["register", "--help"]).await.stdout;
    for name in [
        "--host",
        "--local",
        "--json",
        "PROVISIONING_HOST",
        "Exit codes",
        "130",
        "dps register --local",
    ] {
        assert!(help.contains(name), "{name} in {help}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_printed_exits_with_1() {
    let files = tempfile::tempdir().expect("a folder");
    let key = files.path().join("group.key");
    std::fs::write(&key, "a2V5").expect("a file");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dps"))
        .args(["derive-key", "--registration-id", "device-1", "--group-key-file"])
        .arg(&key)
        .stdout(std::fs::File::create("/dev/full").expect("a device"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("dps");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error: this machine failed: "), "{stderr}");
}

//! `dps` as its users meet it: words in; exit code, standard output and standard error out.

mod proxies;
mod support;

use std::time::Duration;

use provisioning_emulator::{Device, Emulator, RetryAfter};
use support::{Files, Run, dps, dps_with};
use tokio::net::TcpListener;

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
async fn flags_win_over_the_environment_and_the_environment_suffices() {
    let emulator = Emulator::builder()
        .polls_before_assigning(0)
        .start()
        .await
        .expect("a local DPS");
    let files = Files::of(&emulator, "env-device");
    let host = files.host.clone();
    let environment = [
        ("PROVISIONING_HOST", host.as_str()),
        ("PROVISIONING_IDSCOPE", emulator.id_scope()),
        ("CERTIFICATE_FILE", &files.cert),
        ("KEY_FILE", &files.key),
    ];
    let run = dps_with(&["register", "--json", "--ca", &files.ca], &environment).await;
    assert_eq!(run.json()["registrationId"], "env-device", "{run:?}");

    let run = dps_with(
        &["register", "--json", "--ca", &files.ca, "--id-scope", "0neOTHER"],
        &environment,
    )
    .await;
    assert_eq!((run.code, run.kind().as_str()), (3, "unauthorized"), "{run:?}");

    let mut with_id = environment.to_vec();
    with_id.push(("PROVISIONING_REGISTRATION_ID", "other-id"));
    let run = dps_with(&["register", "--json", "--ca", &files.ca], &with_id).await;
    assert_eq!((run.code, run.kind().as_str()), (3, "unauthorized"), "{run:?}");
    assert!(
        run.stderr
            .contains("common name is env-device, not the registration id other-id"),
        "{run:?}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn wrong_words_are_usage_errors_in_both_forms() {
    let cases: [(&[&str], &str); 8] = [
        (&["register"], "--id-scope is missing"),
        (&["register", "--id-scope", "0ne1"], "--cert is missing"),
        (&["register", "--id-scope", "0ne1", "--cert", "c"], "--key is missing"),
        (&["register", "--local", "--host", "h"], "cannot be used with"),
        (
            &["register", "--local", "--cert", "c", "--key", "k"],
            "cannot be used with",
        ),
        (&["register", "--local", "--timeout", "0"], "--timeout"),
        (&["register", "--local", "--recover", "-1"], "--recover"),
        (&["register", "--nonsense"], "--nonsense"),
    ];
    for (words, expected) in cases {
        let run = dps(words).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.contains(expected), "{words:?}: {run:?}");
        let run = dps(&[words, ["--json"].as_slice()].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "usage"), "{words:?}: {run:?}");
        assert!(run.message().contains(expected), "{words:?}: {run:?}");
    }
    assert_eq!(dps(&["--json"]).await.kind(), "usage");
    assert_eq!(dps(&[]).await.code, 2);
}

#[tokio::test]
async fn bad_input_is_refused_with_one_sentence_before_any_connection() {
    let emulator = Emulator::builder().start().await.expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    let other = Files::of(&emulator, "device-2");
    let empty = files.write("empty.pem", "");
    let not_json = files.write("payload.json", "{\"a\":");
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let host = nobody.local_addr().expect("its address").to_string();
    let no_file = "no/such/file.pem";
    // Each flag is given anew on top of words that would do.
    let cases: [(&[&str], &[&str]); 15] = [
        (
            &["--cert", no_file],
            &["certificate in no/such/file.pem", "readable file"],
        ),
        (
            &["--key", no_file],
            &["private key in no/such/file.pem", "readable file"],
        ),
        (
            &["--ca", no_file],
            &["CA certificates in no/such/file.pem", "readable file"],
        ),
        (
            &["--cert", &empty],
            &["certificate in ", "empty.pem", "at least one certificate"],
        ),
        (
            &["--key", &files.cert],
            &[
                "private key in ",
                "a PEM block with a PKCS#8, SEC1 or PKCS#1 private key",
            ],
        ),
        (&["--key", &other.key], &["private key", "belongs to the certificate"]),
        (
            &["--ca", &files.key],
            &["CA certificates in ", "at least one PEM certificate"],
        ),
        (
            &["--id-scope", "0ne 1"],
            &["id scope \"0ne 1\"", "1 to 64 letters, digits or '-'"],
        ),
        (&["--registration-id", "a/b"], &["registration id \"a/b\"", "1 to 128"]),
        (&["--host", "a b"], &["host \"a b\"", "DNS name"]),
        (&["--host", "h:99999"], &["host \"h:99999\"", "port from 1 to 65535"]),
        (&["--payload", "{"], &["payload \"{\"", "JSON"]),
        (
            &["--payload", &format!("@{not_json}")],
            &["payload in ", "payload.json", "JSON"],
        ),
        (
            &["--payload", "@no/such.json"],
            &["payload in no/such.json", "readable file"],
        ),
        (&["--api-version", "1&2"], &["api-version \"1&2\"", "2019-03-31"]),
    ];
    for (words, expected) in cases {
        let run = files.register(&host, &[words, ["--json"].as_slice()].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{words:?}: {run:?}");
        for part in expected {
            assert!(run.message().contains(part), "{words:?}: {part:?} in {run:?}");
        }
        assert_eq!(run.stderr, "", "nothing but the answer");
        let run = files.register(&host, words).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.starts_with("error: "), "{words:?}: {run:?}");
    }
    let connected = tokio::time::timeout(Duration::from_millis(50), nobody.accept()).await;
    assert!(connected.is_err(), "nothing was connected to");
    emulator.shutdown().await;
}

#[tokio::test]
async fn an_expired_or_early_certificate_only_warns_and_the_service_decides() {
    let emulator = Emulator::builder().start().await.expect("a local DPS");
    for (device, expected) in [
        (
            emulator.issue_device_with(&Device::new("old").expired()),
            "expired on 20",
        ),
        (
            emulator.issue_device_with(&Device::new("early").not_yet_valid()),
            "not valid before 20",
        ),
    ] {
        let files = Files::of_identity(&emulator, &device.expect("a device"));
        let run = files.register(&files.host, &["--json"]).await;
        assert!(run.stderr.contains(expected), "{run:?}");
        assert_eq!((run.code, run.kind().as_str()), (4, "tls"), "{run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_stopped_service_is_a_connect_error() {
    let emulator = Emulator::builder().start().await.expect("a local DPS");
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
    let emulator = Emulator::builder().start().await.expect("a local DPS");
    let stranger = Emulator::builder().start_in_memory().expect("another CA");
    let files = Files::of(&emulator, "device-1");
    let other_ca = files.write("other-ca.pem", stranger.ca_pem());
    for (host, words) in [
        (&files.host, &["--ca", other_ca.as_str(), "--json"] as &[&str]),
        (&files.websocket_host, &["--ca", &other_ca, "--json", "--websocket"]),
    ] {
        let run = files.register(host, words).await;
        assert_eq!((run.code, run.kind().as_str()), (4, "tls"), "{run:?}");
        assert!(run.message().contains("CA that is not trusted"), "{run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn every_outcome_of_the_service_has_its_kind_and_exit_code() {
    let emulator = Emulator::builder()
        .polls_before_assigning(1)
        .retry_after(RetryAfter::Seconds(0))
        .device(Device::new("denied").refused(401, 401_002, "Invalid certificate."))
        .device(Device::new("unknown").refused(404, 404_201, "Not found."))
        .device(Device::new("failed").failed(400_209, "no hub"))
        .device(Device::new("disabled").disabled())
        .device(Device::new("throttled").throttled(429, 1000, RetryAfter::Seconds(600)))
        .device(Device::new("broken").throttled(503, 1000, RetryAfter::Seconds(600)))
        .device(Device::new("slow").never_assigned())
        .start()
        .await
        .expect("a local DPS");
    for (id, code, kind) in [
        ("denied", 3, "unauthorized"),
        ("unknown", 3, "not-found"),
        ("failed", 3, "failed"),
        ("disabled", 3, "disabled"),
        ("throttled", 6, "throttled"),
        ("broken", 6, "service"),
        ("slow", 5, "timeout"),
    ] {
        let files = Files::of(&emulator, id);
        let run = files.register(&files.host, &["--json", "--timeout", "3"]).await;
        assert_eq!((run.code, run.kind().as_str()), (code, kind), "{id}: {run:?}");
        assert!(run.error()["hint"].is_string(), "{id}: {run:?}");
        match id {
            "denied" => {
                assert_eq!(run.error()["status"], 401);
                assert_eq!(run.error()["errorCode"], 401_002);
                assert!(run.error()["trackingId"].is_string(), "{run:?}");
                assert!(run.message().ends_with("Invalid certificate"), "{run:?}");
            }
            "throttled" | "broken" => assert_eq!(run.error()["retryAfter"], 600, "{run:?}"),
            "slow" => assert!(run.error()["operationId"].is_string(), "{run:?}"),
            _ => {}
        }
    }
    emulator.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_leaves_in_an_orderly_way_and_exits_130() {
    let emulator = Emulator::builder()
        .device(Device::new("device-1").never_assigned())
        .retry_after(RetryAfter::Seconds(30))
        .start()
        .await
        .expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    for signal in ["INT", "TERM"] {
        emulator.clear_log();
        let running = files.start(&files.host, &["--json"]);
        running.until_stderr_has("assigning").await;
        running.signal(signal);
        let run = running.end().await;
        assert_eq!((run.code, run.kind().as_str()), (130, "cancelled"), "{run:?}");
        assert_eq!(run.error()["phase"], "wait");
        let log = format!("{:?}", emulator.log());
        assert!(log.contains("UNSUBSCRIBE") && log.contains("DISCONNECT"), "{log}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_help_is_for_strangers() {
    for words in [["--help"].as_slice(), &["register", "--help"], &["--version"]] {
        let run: Run = dps(words).await;
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    }
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

#[tokio::test]
async fn symmetric_keys_of_every_origin_register() {
    let (primary, secondary) = ("cHJpbWFyeQ==", "c2Vjb25kYXJ5");
    let emulator = Emulator::builder()
        .polls_before_assigning(0)
        .device(Device::new("own").symmetric_keys(primary, secondary))
        .start()
        .await
        .expect("a local DPS");
    let files = Files::of(&emulator, "x509");
    let group_key = files.write("group.key", &emulator.group_key());
    let derived = dps(&[
        "derive-key",
        "--group-key-file",
        &group_key,
        "--registration-id",
        "member",
    ])
    .await;
    let derived = files.write("derived.key", &derived.stdout);
    let primary = files.write("primary.key", primary);
    let secondary = files.write("secondary.key", secondary);
    let words = [
        "sas",
        "--symmetric-key-file",
        &primary,
        "--id-scope",
        emulator.id_scope(),
        "--registration-id",
        "own",
    ];
    let token = dps(&words).await;
    assert!(token.stdout.starts_with("SharedAccessSignature sr="), "{token:?}");
    let token = files.write("token", &token.stdout);
    let cases: [(&str, &[&str]); 5] = [
        ("own", &["--symmetric-key-file", &primary]),
        ("own", &["--symmetric-key-file", &secondary]),
        ("member", &["--symmetric-key-file", &derived]),
        ("member", &["--group-key-file", &group_key, "--websocket"]),
        ("own", &["--sas-token-file", &token]),
    ];
    for (id, words) in cases {
        let host = if words.contains(&"--websocket") {
            &files.websocket_host
        } else {
            &files.host
        };
        let run = files
            .register_by_key(host, &[words, &["--registration-id", id, "--json"]].concat())
            .await;
        assert_eq!(run.code, 0, "{words:?}: {run:?}");
        assert_eq!(run.json()["registrationId"], id);
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_wrong_key_an_expired_token_and_the_wrong_kind_of_credential_are_unauthorized() {
    let own = Device::new("own").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5");
    let emulator = Emulator::builder().device(own).start().await.expect("a local DPS");
    let files = Files::of(&emulator, "own");
    let wrong = files.write("wrong.key", "d3Jvbmc=");
    let scope = emulator.id_scope();
    let expired = files.write(
        "token",
        "SharedAccessSignature sr=0ne00000000%2Fregistrations%2Fown&sig=YQ%3D%3D&se=1",
    );
    for words in [["--symmetric-key-file", &wrong], ["--sas-token-file", &expired]] {
        let run = files
            .register_by_key(
                &files.host,
                &[&words[..], &["--registration-id", "own", "--json"]].concat(),
            )
            .await;
        assert_eq!(
            (run.code, run.kind().as_str()),
            (3, "unauthorized"),
            "{scope} {words:?}: {run:?}"
        );
        assert_eq!(run.error()["phase"], "connect");
    }
    let run = files.register(&files.host, &["--json"]).await;
    assert_eq!(
        (run.code, run.kind().as_str()),
        (3, "unauthorized"),
        "a certificate for a key's enrollment: {run:?}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn keys_and_tokens_that_cannot_be_used_are_named_and_never_shown() {
    let emulator = Emulator::builder().start_in_memory().expect("a CA");
    let files = Files::of(&emulator, "device-1");
    let bad = files.write("bad", "not-a-secret!");
    let cases: [(&[&str], &str); 5] = [
        (
            &["--symmetric-key-file", &bad, "--registration-id", "a"],
            "symmetric key in ",
        ),
        (
            &["--group-key-file", &bad, "--registration-id", "a"],
            "symmetric key in ",
        ),
        (&["--sas-token-file", &bad, "--registration-id", "a"], "SAS token in "),
        (
            &["--symmetric-key-file", "no/such", "--registration-id", "a"],
            "symmetric key in no/such",
        ),
        (&["--group-key-file", &bad], "--registration-id is missing"),
    ];
    for (words, expected) in cases {
        let run = files
            .register_by_key("127.0.0.1:9", &[words, &["--json"]].concat())
            .await;
        assert_eq!(run.code, 2, "{words:?}: {run:?}");
        assert!(run.message().starts_with(expected), "{words:?}: {run:?}");
        assert!(!run.stdout.contains("not-a-secret"), "{run:?}");
    }
    let variables = [
        ("PROVISIONING_SYMMETRIC_KEY", "not-a-secret!"),
        ("PROVISIONING_IDSCOPE", "0ne1"),
    ];
    let run = dps_with(&["register", "--json", "--registration-id", "a"], &variables).await;
    assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
    assert!(
        run.message().starts_with("symmetric key in PROVISIONING_SYMMETRIC_KEY"),
        "{run:?}"
    );
    let run = dps(&[
        "register",
        "--json",
        "--symmetric-key-file",
        "k",
        "--cert",
        "c",
        "--id-scope",
        "0ne1",
    ])
    .await;
    assert_eq!((run.code, run.kind().as_str()), (2, "usage"), "{run:?}");
    for words in [
        ["derive-key", "--group-key-file", &bad],
        ["sas", "--symmetric-key-file", &bad],
    ] {
        let run = dps(&[&words[..], &["--registration-id", "a"]].concat()).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    }
}

#[tokio::test]
async fn an_encrypted_key_needs_its_passphrase() {
    let emulator = Emulator::builder().start().await.expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../provisioning-types/tests/data");
    let (cert, key) = (format!("{data}/encrypted.pem"), format!("{data}/encrypted.key"));
    let with = async |passphrase: &str| {
        let file = files.write("passphrase", passphrase);
        let words = ["--cert", &cert, "--key", &key, "--key-passphrase-file", &file, "--json"];
        files.register(&files.host, &words).await
    };
    let run = with("correct\r\n").await;
    assert_eq!(
        (run.code, run.kind().as_str()),
        (4, "tls"),
        "opened; but no CA of the emulator's signed it: {run:?}"
    );
    let run = with("wrong").await;
    assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
    assert!(
        run.message().contains("expected a key that the passphrase opens"),
        "{run:?}"
    );
    let run = files
        .register(&files.host, &["--cert", &cert, "--key", &key, "--json"])
        .await;
    assert!(
        run.message().contains("a key that is not encrypted, or its passphrase"),
        "{run:?}"
    );
    emulator.shutdown().await;
}

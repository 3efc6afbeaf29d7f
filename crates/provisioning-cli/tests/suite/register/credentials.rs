//! Credentials of every origin.

use std::{fs, process::Command, thread};

use provisioning_emulator::{Device, Emulator};

use test_support::emulator::start;

use crate::support::{Files, Run, dps, dps_with, start_dps};

#[tokio::test]
async fn symmetric_keys_of_every_origin_register() {
    let (primary, secondary) = ("cHJpbWFyeQ==", "c2Vjb25kYXJ5");
    let emulator = start(
        Emulator::builder()
            .polls_before_assigning(0)
            .device(Device::new("own").symmetric_keys(primary, secondary)),
    )
    .await;
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
async fn an_encrypted_key_needs_its_passphrase() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../provisioning-credentials/tests/data");
    let (cert, key) = (format!("{data}/encrypted.pem"), format!("{data}/encrypted.key"));
    let with = async |passphrase: &str| {
        let file = files.write("passphrase", passphrase);
        let words = ["--cert", &cert, "--key", &key, "--key-passphrase-file", &file, "--json"];
        files.register(&files.host, &words).await
    };
    let run = with("correct\r\n").await;
    assert_eq!(
        (run.code, run.kind().as_str()),
        (3, "unauthorized"),
        "opened; but no CA of the emulator's signed it: {run:?}"
    );
    let run = with("wrong").await;
    assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
    assert!(
        run.message().contains("expected a key that the passphrase decrypts"),
        "{run:?}"
    );
    let run = files
        .register(&files.host, &["--cert", &cert, "--key", &key, "--json"])
        .await;
    assert!(
        run.message()
            .contains("it is an encrypted private key, expected its passphrase"),
        "{run:?}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn flags_win_over_the_environment_and_the_environment_suffices() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
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

/// Makes a pipe with the contents of `file`, which are written to it once.
#[cfg(unix)]
fn pipe(files: &Files, name: &str, file: &str) -> String {
    let (path, contents) = (files.path(name), fs::read(file).expect("a file"));
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success(), "{path}");
    let end = path.clone();
    // Not a thread of the runtime: it ends with the process if nothing reads the pipe.
    thread::spawn(move || fs::write(end, contents));
    path
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_read_once_whether_a_flag_or_a_variable_names_it() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let files = Files::of(&emulator, "device-1");
    let (new_key, issued) = (files.path("new.key"), files.path("issued.pem"));
    let service = ["--json", "--host", &files.host, "--id-scope", emulator.id_scope()];
    let service = [&service[..], &["--ca", &files.ca, "--timeout", "10"]].concat();
    let commands: [&[&str]; 3] = [
        &["register"],
        // It also needs the certificate for the registration id of the new key.
        &["register", "--new-key", &new_key, "--issued-cert", &issued],
        // It checks the credential, and then registers with it.
        &["doctor", "--register"],
    ];
    for (number, command) in commands.into_iter().enumerate() {
        for by_variable in [false, true] {
            let pipe = |name, file| pipe(&files, &format!("{name}-{number}-{by_variable}"), file);
            let (cert, key) = (pipe("cert", &files.cert), pipe("key", &files.key));
            let words = [command, &service].concat();
            let running = match by_variable {
                false => start_dps(&[&words[..], &["--cert", &cert, "--key", &key]].concat(), &[]),
                true => start_dps(&words, &[("CERTIFICATE_FILE", &cert), ("KEY_FILE", &key)]),
            };
            let run = Run::of(running).await;
            let assigned = run.stdout.contains("\"status\":\"assigned\"") || run.stdout.contains("assigned to ");
            assert!(assigned, "{command:?}, by variable: {by_variable}: {run:?}");
            // The next one creates it again.
            let _ = fs::remove_file(&new_key);
        }
    }
    emulator.shutdown().await;
}

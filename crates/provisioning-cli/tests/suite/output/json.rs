//! `--json`: one object on standard output, whichever command, in success and in failure.

use provisioning_emulator::Emulator;
use serde_json::Value;
use test_support::{Files as Folder, emulator::start};

use crate::support::{Files, Run, dps};

/// The words for a token that is signed with the key in this file.
fn sas(key: &str) -> [&str; 7] {
    [
        "sas",
        "--registration-id",
        "d",
        "--id-scope",
        "0ne1",
        "--symmetric-key-file",
        key,
    ]
}

#[tokio::test]
async fn every_command_answers_with_one_object() {
    let folder = Folder::new();
    let key = folder.write("key", "a2V5");
    let store = folder.path("store.json");
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["derive-key", "--registration-id", "d", "--group-key-file", &key],
            &["registrationId", "symmetricKey"],
        ),
        (
            &sas(&key),
            &["registrationId", "idScope", "sasToken", "sasTokenExpires"],
        ),
        (
            &["register", "--local", "--store", &store],
            &["assignedHub", "deviceId"],
        ),
        (
            &["connection", "--store", &store, "--symmetric-key-file", &key],
            &["host", "password"],
        ),
        (
            &["doctor", "--host", "localhost:1", "--websocket-port", "1"],
            &["status"],
        ),
    ];
    for (words, fields) in cases {
        // The flag is every command's, and may stand before it.
        for words in [[words, &["--json"]].concat(), [&["--json"], words].concat()] {
            let run = dps(&words).await;
            for &field in fields {
                assert!(run.json()[field].is_string(), "{field} after {words:?}: {run:?}");
            }
        }
        let run = dps(words).await;
        assert!(
            serde_json::from_str::<Value>(&run.stdout).is_err(),
            "text: {words:?}: {run:?}"
        );
    }
}

#[tokio::test]
async fn every_command_fails_with_one_object_and_nothing_on_standard_error() {
    let folder = Folder::new();
    let (dir, bad) = (folder.path("dir"), folder.write("bad", "not base64!"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = taken.local_addr().expect("its address").port().to_string();
    let cases: [(&[&str], i32, &str); 9] = [
        (
            &["derive-key", "--registration-id", "d", "--group-key-file", &bad],
            2,
            "input",
        ),
        (&["derive-key"], 2, "usage"),
        (&sas("no/such"), 2, "input"),
        (&["sas", "--expires-in", "never"], 2, "usage"),
        (&["register", "--id-scope", "0ne1"], 2, "usage"),
        (&["connection", "--store", "no/such"], 2, "input"),
        (&["doctor", "--host", "a b"], 2, "input"),
        (&["emulator", "--dir", &dir, "--config", "no/such"], 2, "input"),
        (&["emulator", "--dir", &dir, "--mqtt-port", &port], 1, "local"),
    ];
    for (words, code, kind) in cases {
        let run = dps(&[words, &["--json"]].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (code, kind), "{words:?}: {run:?}");
        assert_eq!(run.stderr, "", "{words:?}: {run:?}");
    }
}

#[tokio::test]
async fn help_and_version_are_text_with_the_flag_too() {
    for words in [&["--help"][..], &["register", "--help"], &["--version"]] {
        let (plain, json) = (dps(words).await, dps(&[words, &["--json"]].concat()).await);
        assert_eq!((json.code, &json.stdout), (0, &plain.stdout), "{json:?}");
    }
    let help = dps(&["--help"]).await.stdout;
    assert!(help.contains("--json"), "{help}");
}

#[tokio::test]
async fn a_wrong_command_line_has_the_same_message_in_both_forms_and_the_tip_in_the_hint() {
    let words = ["register", "--nonsense"];
    let (text, json) = (dps(&words).await, dps(&[&words[..], &["--json"]].concat()).await);
    assert_eq!(
        text.stderr,
        format!("error: {}\nhint: {}\n", json.message(), json.hint()),
        "{text:?}"
    );
    let run = dps(&["register", "--regstration-id", "d", "--json"]).await;
    assert!(run.hint().contains("'--registration-id'"), "{run:?}");
}

/// An object that is printed whole has everything that the service's support asks for.
#[tokio::test]
async fn the_object_of_a_refusal_has_the_services_time() {
    let refused = provisioning_emulator::Device::new("device-1").refused(401, 401_002, "Invalid certificate.");
    let emulator = start(Emulator::builder().device(refused)).await;
    let files = Files::of(&emulator, "device-1");
    let run: Run = files.register(&files.host, &["--json"]).await;
    assert!(run.error()["trackingId"].is_string(), "{run:?}");
    let time = run.error()["timestampUtc"].as_str().unwrap_or_default().to_owned();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{run:?}");
    emulator.shutdown().await;
}

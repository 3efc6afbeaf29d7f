//! A file of `--store` that cannot be used: what dps wrote is replaced and kept beside it, anything else is untouched.

use std::fs;

use provisioning_emulator::Emulator;
use test_support::{Files as Folder, emulator::start};

use crate::support::{Files, Run, dps};

async fn emulator() -> Emulator {
    start(Emulator::builder().polls_before_assigning(0)).await
}

/// A stored assignment, as dps writes it.
async fn stored(files: &Files) -> String {
    let store = files.path("first.json");
    let run = files.register(&files.host, &["--store", &store]).await;
    assert_eq!(run.code, 0, "{run:?}");
    fs::read_to_string(&store).expect("a file")
}

#[tokio::test]
async fn a_store_of_ours_that_cannot_be_used_is_replaced_and_kept_beside_it() {
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let ours = stored(&files).await;
    let later = ours
        .replace("\"format\": 1", "\"format\": 2")
        .replace("\"assignment\"", "\"assignments\"");
    assert_ne!(later, ours);
    let bad = files.path("store.json.bad");
    for (unusable, reason) in [
        (String::new(), "is empty"),
        ("\0".repeat(4096), "is empty"),
        ("{".to_owned(), "ends too early"),
        (ours[..20].to_owned(), "ends too early"),
        (ours[..ours.len() - 1].to_owned(), "ends too early"),
        (ours[..ours.len() / 2].to_owned() + &"\0".repeat(100), "ends too early"),
        (later, "format 2"),
    ] {
        // What is beside the file from the time before is of ours too, and is replaced.
        let store = files.write("store.json", &unusable);
        let run = files.register(&files.host, &["--store", &store, "--json"]).await;
        assert_eq!((run.code, &run.json()["deviceId"]), (0, &"device-1".into()), "{run:?}");
        let warning = run
            .stderr
            .lines()
            .find(|line| line.starts_with("warning: "))
            .unwrap_or_default();
        assert!(warning.contains(reason) && warning.contains(&bad), "{reason}: {run:?}");
        assert_eq!(fs::read_to_string(&bad).expect("a file"), unusable, "{run:?}");
        let again = files.register(&files.host, &["--store", &store]).await;
        assert!(again.stderr.contains("the assignment is stored in "), "{again:?}");
        assert!(!again.stderr.contains("connecting"), "{again:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn what_is_not_ours_is_refused_untouched_with_force_too() {
    let folder = Folder::new();
    for content in [
        "-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\n",
        "{\"a\":",
        "{\"format\": 2, \"theirs\": true}",
        "{\"format\": 1}",
        "{\"format\": \"1",
        "[1]",
        "1",
        "\0\0x",
        " x",
    ] {
        let store = folder.write("store.json", content);
        for words in [&["--store", &store][..], &["--store", &store, "--force"]] {
            let run = dps(&[&["register", "--local", "--json"], words].concat()).await;
            assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{content:?}: {run:?}");
            assert!(
                run.message().contains("a file that `dps register --store` wrote"),
                "{content:?}: {run:?}"
            );
            assert_eq!(run.stderr, "", "{content:?}: {run:?}");
            assert_eq!(folder.read("store.json"), content);
            assert!(fs::metadata(folder.path("store.json.bad")).is_err());
        }
    }
}

#[tokio::test]
async fn what_is_not_ours_beside_the_file_is_not_replaced() {
    let folder = Folder::new();
    let store = folder.write("store.json", "");
    folder.write("store.json.bad", "somebody's");
    let run = dps(&["register", "--local", "--json", "--store", &store]).await;
    assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
    assert!(run.message().contains("store.json.bad"), "{run:?}");
    assert_eq!(
        (folder.read("store.json"), folder.read("store.json.bad")),
        (String::new(), "somebody's".to_owned())
    );
}

#[tokio::test]
async fn a_store_stays_as_it_is_if_the_device_is_not_assigned() {
    let folder = Folder::new();
    let store = folder.write("store.json", "{\"format\":");
    let words = ["register", "--local", "--json", "--timeout", "0.1", "--store", &store];
    let run: Run = dps(&words).await;
    assert_eq!((run.code, run.kind().as_str()), (5, "timeout"), "{run:?}");
    assert_eq!(folder.read("store.json"), "{\"format\":");
    assert!(fs::metadata(folder.path("store.json.bad")).is_err());
}

#[tokio::test]
async fn a_connection_needs_a_store_that_can_be_used() {
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let ours = stored(&files).await;
    for (content, reason) in [
        ("", "it is empty"),
        (&ours[..50], "it ends too early"),
        ("x", "it is not a stored assignment: no JSON from line 1, column 1 on"),
    ] {
        let store = files.write("store.json", content);
        let run = files.connection(&store, &["--json"]).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
        assert!(run.message().contains(reason), "{run:?}");
    }
    emulator.shutdown().await;
}

//! An assignment that is kept: used the next time, asked for anew when that is wanted, and what a hub is connected to
//! with.

use std::fs;

use provisioning_emulator::{Device, Emulator, RetryAfter};

use test_support::emulator::start;

use crate::support::{Files, Run, assign_later, dps};

async fn emulator() -> Emulator {
    start(
        Emulator::builder()
            .polls_before_assigning(0)
            .device(Device::new("keyed").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5")),
    )
    .await
}

#[tokio::test]
async fn what_is_kept_answers_without_the_service_until_it_is_asked_for_anew() {
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let (host, store) = (files.host.clone(), files.path("store.json"));
    let words = ["--store", store.as_str(), "--json"];
    let first = files.register(&host, &words).await;
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.stderr.contains("the assignment is stored in "), "{first:?}");
    let connections = emulator.log().len();

    let again = files.register(&host, &words).await;
    assert_eq!((again.code, &again.stdout), (0, &first.stdout), "{again:?}");
    assert!(again.stderr.contains("--force asks the service"), "{again:?}");
    assert_eq!(emulator.log().len(), connections, "nobody connected");

    let forced = files.register(&host, &[&words[..], &["--force"]].concat()).await;
    assert_eq!(forced.code, 0, "{forced:?}");
    assert_ne!(forced.json()["operationId"], first.json()["operationId"], "{forced:?}");
    let kept = fs::read_to_string(&store).expect("a file");
    assert!(
        kept.contains(forced.json()["operationId"].as_str().expect("an id")),
        "{kept}"
    );

    let other = Files::of(&emulator, "device-2");
    let other = other.register(&host, &words).await;
    assert_eq!(other.json()["deviceId"], "device-2", "{other:?}");
    assert!(
        other
            .stderr
            .contains("contains the assignment of another device, id scope or host: replacing it"),
        "{other:?}"
    );
    assert!(fs::read_to_string(&store).expect("a file").contains("device-2"));
    emulator.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_kept_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let store = files.path("store.json");
    let run = files.register(&files.host, &["--store", &store]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let mode = fs::metadata(&store).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    emulator.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn an_assignment_that_cannot_be_stored_is_printed_with_the_error_and_exits_with_7() {
    let emulator = start(Emulator::builder().retry_after(RetryAfter::Seconds(1))).await;
    for json in [true, false] {
        assign_later(&emulator);
        let files = Files::of(&emulator, "device-1");
        let store = files.path("store.json");
        let words = ["--store", store.as_str(), "--json"];
        let mut running = files.start(&files.host, if json { &words } else { &words[..2] });
        running.until_stderr_has("assigning").await;
        fs::create_dir(&store).expect("a folder in the way");
        emulator.clear_faults();
        let run = Run::of(running).await;
        assert_eq!(run.code, 7, "{run:?}");
        if json {
            assert_eq!(
                (&run.json()["status"], run.kind().as_str()),
                (&"assigned".into(), "local")
            );
            assert_eq!(run.json()["deviceId"], "device-1", "{run:?}");
            assert!(run.message().starts_with("stored assignment in "), "{run:?}");
        } else {
            assert!(run.stdout.starts_with("assigned\n"), "{run:?}");
            assert!(run.stderr.contains("error: stored assignment in "), "{run:?}");
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_hub_is_connected_to_with_what_is_kept_and_the_devices_credential() {
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let store = files.path("store.json");
    let run = files.register(&files.host, &["--store", &store]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let run = files.connection(&store, &[]).await;
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    for line in [
        "host              local-hub.azure-devices.net",
        "port              8883",
        "clientId          device-1",
        "userName          local-hub.azure-devices.net/device-1/?api-version=2021-04-12",
        "password          none: the certificate is presented in the TLS handshake",
        "connectionString  HostName=local-hub.azure-devices.net;DeviceId=device-1;x509=true",
    ] {
        assert!(run.stdout.lines().any(|printed| printed == line), "{line}: {run:?}");
    }

    // The command's earlier name.
    let alias = dps(&["hub", "--store", &store, "--cert", &files.cert, "--key", &files.key]).await;
    assert_eq!((alias.code, &alias.stdout), (0, &run.stdout), "{alias:?}");

    let key = files.write("own.key", "cHJpbWFyeQ==");
    let words = [
        "--registration-id",
        "keyed",
        "--symmetric-key-file",
        &key,
        "--store",
        &store,
    ];
    let run = files.register_by_key(&files.host, &words).await;
    assert_eq!(run.code, 0, "{run:?}");
    let words = [
        "connection",
        "--store",
        &store,
        "--symmetric-key-file",
        &key,
        "--sas-lifetime",
        "60",
        "--json",
    ];
    let values = dps(&words).await.json();
    assert_eq!(values["clientId"], "keyed");
    assert_eq!(values["websocketPort"], 443);
    let password = values["password"].as_str().expect("a token");
    let beginning = "SharedAccessSignature sr=local-hub.azure-devices.net%2Fdevices%2Fkeyed&sig=";
    assert!(password.starts_with(beginning), "{password}");
    assert_eq!(
        values["connectionString"],
        "HostName=local-hub.azure-devices.net;DeviceId=keyed;SharedAccessKey=cHJpbWFyeQ=="
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_hub_needs_what_was_kept_and_a_credential_for_hubs() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let files = Files::of(&emulator, "device-1");
    let store = files.path("store.json");
    files.register(&files.host, &["--store", &store]).await;
    let broken = files.write("broken.json", "{\"format\":1}");
    let token = files.write("token", "SharedAccessSignature sr=a&sig=b&se=1");
    for (words, kind, says) in [
        (&["--store", "no/such"][..], "input", "stored assignment in no/such"),
        (
            &["--store", &broken],
            "input",
            "a file that `dps register --store` wrote",
        ),
        (&["--store", &store], "usage", "--cert is missing"),
        (
            &["--store", &store, "--sas-token-file", &token],
            "input",
            "for the registration only",
        ),
        (&[], "usage", "--store"),
    ] {
        let run = dps(&[&["connection", "--json"], words].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, kind), "{words:?}: {run:?}");
        assert!(run.message().contains(says), "{words:?}: {run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_hub_whose_profile_is_not_classic_is_refused_by_name_and_with_what_to_do() {
    for (profile, refused) in [("mqttV5", true), ("MqttV9", true), ("Classic", false)] {
        let emulator = start(
            Emulator::builder()
                .polls_before_assigning(0)
                .connection_profile(profile),
        )
        .await;
        let files = Files::of(&emulator, "device-1");
        let store = files.path("store.json");
        let words = ["--store", &store, "--api-version", "2026-11-02-preview"];
        let run = files.register(&files.host, &words).await;
        assert_eq!(run.code, 0, "{run:?}");
        let run = files.connection(&store, &["--json"]).await;
        if refused {
            assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
            let beginning = format!("connection profile \"{profile}\" cannot be used: expected classic");
            assert!(run.message().starts_with(&beginning), "{run:?}");
            assert!(
                run.message().contains("connect with a client for this profile"),
                "{run:?}"
            );
        } else {
            assert_eq!((run.code, &run.json()["clientId"]), (0, &"device-1".into()), "{run:?}");
        }
        emulator.shutdown().await;
    }
}

//! What the service refuses: its kind, its exit code, and a hint that helps.

use std::time::{Duration, SystemTime};

use provisioning_emulator::{Cut, Device, Effect, Emulator, Enrollment, Fault, RetryAfter, Step};
use serde_json::json;

use test_support::{emulator::start, listen};

use crate::support::{Files, Run, validity};

#[tokio::test]
async fn an_expired_or_early_certificate_only_warns_and_the_service_decides() {
    let emulator = start(Emulator::builder()).await;
    let issue = |device: Device| emulator.issue_device_with(&device).expect("a device");
    let (old, early) = (
        issue(Device::new("old").expired()),
        issue(Device::new("early").not_yet_valid()),
    );
    for (device, expected) in [
        (&old, format!("expired on {}\n", validity(&old)[1])),
        (&early, format!("not valid before {}\n", validity(&early)[0])),
    ] {
        let files = Files::of_identity(&emulator, device);
        let run = files.register(&files.host, &["--json"]).await;
        assert!(run.stderr.contains(&expected), "{expected:?} in {run:?}");
        assert_eq!((run.code, run.kind().as_str()), (3, "unauthorized"), "{run:?}");
        assert!(run.hint().contains("by this device's clock"), "{run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn every_outcome_of_the_service_has_its_kind_and_exit_code() {
    let emulator = start(
        Emulator::builder()
            .polls_before_assigning(1)
            .retry_after(RetryAfter::Seconds(0))
            .device(Device::new("denied").refused(401, 401_002, "Invalid certificate."))
            .device(Device::new("unknown").refused(404, 404_201, "Not found."))
            .device(Device::new("twice").refused(409, 409_203, "Precondition failed."))
            .device(Device::new("failed").failed(400_209, "no hub").polls_before_outcome(0))
            .device(Device::new("disabled").disabled().polls_before_outcome(0))
            .device(Device::new("throttled").throttled(429, 1000, RetryAfter::Seconds(600)))
            .device(Device::new("broken").throttled(503, 1000, RetryAfter::Seconds(600)))
            .device(Device::new("slow").never_assigned()),
    )
    .await;
    for (id, code, kind, hint) in [
        ("denied", 3, "unauthorized", "network rules"),
        ("unknown", 3, "not-found", "or its group is enrolled"),
        ("twice", 3, "conflict", "another process or another device"),
        ("failed", 3, "failed", "the enrollment's allocation"),
        ("disabled", 3, "disabled", "enable the enrollment"),
        ("throttled", 6, "throttled", "not before the time"),
        ("broken", 6, "service", "register again later"),
        ("slow", 5, "timeout", "allow more time"),
    ] {
        let files = Files::of(&emulator, id);
        let run = files.register(&files.host, &["--json", "--timeout", "5"]).await;
        assert_refused(&run, &(&[id], code, kind, hint));
        let section = match id {
            "denied" => Some("the-service-refuses-the-credential"),
            "twice" | "failed" | "throttled" => Some("by-error-code"),
            _ => None,
        };
        assert_eq!(section_of(&run).as_deref(), section, "{run:?}");
        match id {
            "denied" => {
                assert_eq!(run.error()["status"], 401);
                assert_eq!(run.error()["errorCode"], 401_002);
                assert!(run.error()["trackingId"].is_string(), "{run:?}");
                assert!(run.message().ends_with("Invalid certificate"), "{run:?}");
            }
            "twice" => {
                assert_eq!(
                    (&run.error()["errorCode"], &run.error()["retryable"]),
                    (&409_203.into(), &true.into())
                );
                assert!(run.error()["trackingId"].is_string(), "{run:?}");
                assert!(
                    run.stderr.contains("registering twice at the same time, retry 1 in "),
                    "{run:?}"
                );
            }
            "throttled" | "broken" => assert_eq!(run.error()["retryAfter"], 600, "{run:?}"),
            "slow" => assert!(run.error()["operationId"].is_string(), "{run:?}"),
            _ => {}
        }
    }
    for (step, transport) in [(Step::Connack, &[][..]), (Step::Upgrade, &["--websocket"])] {
        let id = format!("unanswered-{step:?}").to_lowercase();
        let files = Files::of(&emulator, &id);
        let closed = Fault::new(Effect::Close(Cut::Now), step).expect("a fault");
        emulator.inject(closed.device(&id).always());
        let host = if transport.is_empty() {
            &files.host
        } else {
            &files.websocket_host
        };
        let run = files.register(host, &[transport, &["--json"]].concat()).await;
        let expected = (4, "lost", Some("the-service-refuses-the-credential"));
        let section = section_of(&run);
        assert_eq!((run.code, run.kind().as_str(), section.as_deref()), expected, "{run:?}");
    }
    let files = Files::of(&emulator, "device-1");
    let (listener, nowhere) = listen::<String>().await;
    drop(listener);
    let run = files.register(&nowhere, &["--json"]).await;
    assert_eq!(
        (run.code, section_of(&run).as_deref()),
        (4, Some("by-symptom")),
        "{run:?}"
    );
    emulator.shutdown().await;
}

/// The section of `docs/troubleshooting.md` that the hint ends with.
fn section_of(run: &Run) -> Option<String> {
    let hint = run.hint();
    let (_, section) = hint.rsplit_once("; see docs/troubleshooting.md#")?;
    Some(section.to_owned())
}

#[tokio::test]
async fn each_refused_credential_has_a_hint_that_names_the_remedy_over_both_transports() {
    let emulator =
        start(Emulator::builder().device(Device::new("keyed").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5"))).await;
    let stranger = Emulator::builder().start_in_memory().expect("another CA");
    let files = Files::of(&emulator, "device-1");
    let outsider = stranger.issue_device("device-1").expect("a device");
    let outside_cert = files.write("outside.pem", &outsider.certificate_chain_pem);
    let outside_key = files.write("outside.key", &outsider.private_key_pem);
    let right_key = files.write("right.b64", "cHJpbWFyeQ==");
    let wrong_key = files.write("wrong.b64", "d3Jvbmc=");
    let an_hour_ago = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970") - Duration::from_secs(3600);
    let expired = files.write(
        "token",
        &format!(
            "SharedAccessSignature sr=0ne00000000%2Fregistrations%2Fkeyed&sig=YQ%3D%3D&se={}",
            an_hour_ago.as_secs()
        ),
    );
    let by_certificate: &[Refusal<'_>] = &[
        (&["--id-scope", "0ne0OTHER"], 3, "unauthorized", "the id scope; "),
        (
            &["--registration-id", "device-2"],
            3,
            "unauthorized",
            "common name \"device-1\" must be the registration id device-2",
        ),
        (
            &["--cert", &outside_cert, "--key", &outside_key],
            3,
            "unauthorized",
            "signed by its group's verified CA",
        ),
    ];
    let by_key: &[Refusal<'_>] = &[
        (
            &["--symmetric-key-file", &wrong_key],
            3,
            "unauthorized",
            "the key is its own or derived from its group's",
        ),
        (
            &["--sas-token-file", &expired],
            3,
            "unauthorized",
            "the SAS token expired 1h",
        ),
        (
            &["--symmetric-key-file", &right_key, "--id-scope", "0ne0OTHER"],
            3,
            "unauthorized",
            "the id scope; ",
        ),
    ];
    for (host, carrier) in [(&files.host, &[][..]), (&files.websocket_host, &["--websocket"])] {
        for refusal in by_certificate {
            let run = files.register(host, &[refusal.0, carrier, &["--json"]].concat()).await;
            assert_refused(&run, refusal);
        }
        for refusal in by_key {
            let keyed = ["--registration-id", "keyed", "--json"];
            let run = files
                .register_by_key(host, &[refusal.0, carrier, &keyed].concat())
                .await;
            assert_refused(&run, refusal);
        }
    }
    let enrolled_by_key = Files::of(&emulator, "keyed");
    let run = enrolled_by_key.register(&files.host, &["--json"]).await;
    let hint = "that the certificate is the enrolled one";
    assert_refused(
        &run,
        &(&["a certificate for a key's enrollment"], 3, "unauthorized", hint),
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_refusal_tells_by_how_much_and_in_which_direction_this_clock_is_off() {
    let refused = Device::new("device-1").refused(401, 401_002, "Invalid certificate.");
    let emulator = start(Emulator::builder().device(refused)).await;
    let files = Files::of(&emulator, "device-1");
    for (timestamp, says) in [
        ("1971-04-10T05:24:22.4718526Z", Some("ahead of the service's: set it; ")),
        ("9999-04-10T05:24:22.4718526Z", Some("behind the service's: set it; ")),
        ("yesterday", None),
    ] {
        let body = json!({"errorCode": 401_002, "timestampUtc": timestamp});
        emulator.inject(Fault::new(Effect::Body(body.to_string()), Step::Answer).expect("a fault"));
        let run = files.register(&files.host, &["--json"]).await;
        assert_eq!((run.code, run.kind().as_str()), (3, "unauthorized"), "{run:?}");
        let (hint, clock) = (run.hint(), "this device's clock is ");
        match says {
            Some(says) => assert!(hint.starts_with(clock) && hint.contains(says), "{timestamp}: {run:?}"),
            None => assert!(!hint.contains(clock), "{timestamp}: {run:?}"),
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn who_is_not_enrolled_or_is_disabled_is_refused_with_what_to_look_at() {
    let emulator = start(Emulator::builder().polls_before_assigning(0)).await;
    let files = Files::of(&emulator, "device-1");
    let key = files.write("own.b64", "cHJpbWFyeQ==");
    let by_key = ["--registration-id", "keyed", "--symmetric-key-file", &key, "--json"];
    let not_enrolled = "that the registration id is enrolled";
    let run = files.register_by_key(&files.host, &by_key).await;
    assert_refused(&run, &(&["unknown"], 3, "unauthorized", not_enrolled));

    let enrollment = || Enrollment::individual("keyed").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5");
    emulator.enroll(enrollment().disabled()).expect("an enrollment");
    let run = files.register_by_key(&files.host, &by_key).await;
    assert_refused(&run, &(&["disabled"], 3, "disabled", "enable the enrollment"));
    emulator.enroll(enrollment()).expect("an enrollment");
    let run = files.register_by_key(&files.host, &by_key).await;
    assert_eq!(run.code, 0, "enabled: {run:?}");

    let enrolled = emulator.issue_device("device-1").expect("another certificate");
    let enrollment = Enrollment::individual("device-1").certificate(enrolled.certificate_chain_pem);
    emulator.enroll(enrollment.clone()).expect("an enrollment");
    let run = files.register(&files.host, &["--json"]).await;
    assert_refused(
        &run,
        &(
            &["another leaf"],
            3,
            "unauthorized",
            "that the certificate is the enrolled one",
        ),
    );

    assert!(emulator.unenroll(&enrollment));
    let run = files.register(&files.host, &["--json"]).await;
    assert_eq!(run.code, 0, "its group takes it: {run:?}");
    assert!(emulator.unenroll(&Enrollment::group("local-devices")));
    let run = files.register(&files.host, &["--json"]).await;
    assert_refused(
        &run,
        &(&["outside"], 3, "unauthorized", "signed by its group's verified CA"),
    );
    emulator.shutdown().await;
}

/// Words, exit code, kind, and what the hint says.
type Refusal<'a> = (&'a [&'a str], i32, &'a str, &'a str);

fn assert_refused(run: &Run, &(words, code, kind, hint): &Refusal<'_>) {
    assert_eq!((run.code, run.kind().as_str()), (code, kind), "{words:?}: {run:?}");
    assert!(run.hint().contains(hint), "{words:?}: {hint:?} in {run:?}");
}

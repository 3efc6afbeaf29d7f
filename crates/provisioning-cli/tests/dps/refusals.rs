//! What the service refuses: its kind, its exit code, and a hint that helps.

use provisioning_emulator::{Device, Emulator, RetryAfter};

use crate::support::Files;

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

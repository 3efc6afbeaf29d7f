//! What an error says to do about it: told from what was presented, and from what happened.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use provisioning_device::{Builder, ErrorKind, SasToken, SymmetricKey, Transport, WallClock};
use provisioning_emulator::{Cut, Device, Effect, Fault, Step};
use test_support::emulator::{local_dps, start, x509};

use crate::support::{BOTH, builder};

/// A clock that stands still in 2023.
#[derive(Debug)]
struct Still;

impl WallClock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }
}

async fn hint(builder: Builder, kind: ErrorKind) -> String {
    let error = builder.build().expect("valid").register().await.expect_err("refused");
    assert_eq!(error.kind(), kind, "{error}");
    error.hint().to_owned()
}

#[tokio::test]
async fn a_refused_credential_is_told_by_what_is_wrong_with_it() {
    let device = Device::new("keyed").symmetric_keys("a2V5", "a2V5");
    let emulator = start(local_dps().device(device)).await;
    let key = SymmetricKey::from_base64("a2V5").expect("a key");
    let (scope, id) = (
        emulator.id_scope().parse().expect("a scope"),
        "keyed".parse().expect("an id"),
    );
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let stale = SasToken::sign(&key, &scope, &id, an_hour_ago).await.expect("a token");
    for transport in BOTH {
        let token = builder(&emulator, stale.clone(), transport).with_registration_id("keyed");
        let said = hint(token, ErrorKind::Unauthorized).await;
        assert!(said.starts_with("the SAS token expired 1h"), "{said}");
        let wrong = SymmetricKey::from_base64("d3Jvbmc=").expect("a key");
        let wrong = builder(&emulator, wrong, transport)
            .with_registration_id("keyed")
            .with_clock(Arc::new(Still));
        let said = hint(wrong, ErrorKind::Unauthorized).await;
        assert!(
            said.contains("id scope") && said.contains("the clock: it says 2023-11-14T22:13:20Z"),
            "{said}"
        );
        let identity = emulator.issue_device("device-1").expect("a device");
        let other = builder(&emulator, x509(&identity), transport).with_registration_id("device-2");
        let said = hint(other, ErrorKind::Unauthorized).await;
        assert!(
            said.starts_with("the certificate's common name \"device-1\" must be the registration id device-2; "),
            "{said}"
        );
        assert!(
            said.contains("signed by \"DPS emulator CA"),
            "a middlebox may inspect TLS: {said}"
        );
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_refusal_without_a_reason_and_an_end_after_connect_are_told_as_a_refused_credential_is() {
    let silent = Device::new("silent").refused(403, 0, "");
    let told = Device::new("told").refused(401, 401_002, "Invalid certificate.");
    let forbidden = Device::new("forbidden").refused(403, 403_001, "IP address is not allowed.");
    let elsewhere = Device::new("elsewhere").refused(401, 401_001, "IoT Hub not found.");
    let devices = local_dps().device(silent).device(told).device(forbidden);
    let emulator = start(devices.device(elsewhere)).await;
    let close = |step, id| {
        let fault = Fault::new(Effect::Close(Cut::Now), step).expect("a fault");
        emulator.inject(fault.device(id).always());
    };
    close(Step::Connack, "gone");
    close(Step::Upgrade, "not-upgraded");
    for transport in BOTH {
        let refused = ErrorKind::Unauthorized;
        for (id, kind) in [
            ("silent", refused),
            ("gone", ErrorKind::Lost),
            ("not-upgraded", ErrorKind::Lost),
            ("told", refused),
            ("forbidden", refused),
            ("elsewhere", refused),
        ] {
            if id == "not-upgraded" && transport == Transport::Mqtt {
                continue;
            }
            let identity = emulator.issue_device(id).expect("a device");
            let said = hint(builder(&emulator, x509(&identity), transport), kind).await;
            if id == "elsewhere" {
                assert!(said.contains("does not exist"), "the code names another cause: {said}");
                continue;
            }
            for part in [
                "network rules of the service instance",
                "1 certificate is sent, the last one signed by \"DPS emulator CA",
                "if it is that of a middlebox which inspects TLS",
            ] {
                assert!(said.contains(part), "{id}: {part}: {said}");
            }
            let by_message = said.starts_with("if the service's message does not name the cause: ");
            assert_eq!(by_message, ["told", "forbidden"].contains(&id), "{id}: {said}");
            for (ended, what) in [("gone", "MQTT connections"), ("not-upgraded", "WebSockets")] {
                assert_eq!(said.ends_with(&format!(" ends {what}")), id == ended, "{id}: {said}");
            }
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_port_of_websockets_is_told_as_that() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    let mqtt = builder(&emulator, x509(&identity), Transport::Mqtt).with_host(emulator.websocket_address());
    let said = hint(mqtt, ErrorKind::UnexpectedResponse).await;
    assert!(
        said.starts_with("if the port is for WebSockets, use one (`dps --websocket`"),
        "{said}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_connection_that_fails_is_told_by_how() {
    let emulator = start(local_dps()).await;
    let stranger = local_dps().start_in_memory().expect("another CA");
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        let device = builder(&emulator, x509(&identity), transport);
        let untrusted = device.clone().with_ca_pem(stranger.ca_pem());
        let said = hint(untrusted, ErrorKind::Tls).await;
        assert!(said.contains("private CA") && said.contains("inspects TLS"), "{said}");
        let said = hint(device.clone().with_server_name("other.example"), ErrorKind::Tls).await;
        assert!(said.contains("server name"), "{said}");
        let said = hint(device.clone().with_host("no-such-host.invalid"), ErrorKind::Connect).await;
        assert!(said.contains("DNS"), "{said}");
        let said = hint(device.with_host("localhost:8883"), ErrorKind::Connect).await;
        assert!(said.contains("a firewall blocks port 8883"), "{said}");
    }
    emulator.shutdown().await;
}

//! The options of a connection, as the service sees them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use provisioning_device::{ErrorKind, MqttOptions, SymmetricKey, WallClock};
use provisioning_emulator::{Device, Emulator, LogKind};
use test_support::emulator::{local_dps, start, x509};

use crate::support::{BOTH, builder};

/// What the log says of the connection that was made.
fn connect(emulator: &Emulator) -> String {
    let log = emulator.log();
    let connect = log.iter().find(|entry| entry.kind == LogKind::Connect);
    let connect = connect.expect("somebody connected");
    connect.payload.clone().expect("what it says")
}

#[tokio::test]
async fn keep_alive_api_version_and_user_agent_reach_the_service() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        emulator.clear_log();
        let options = MqttOptions::default()
            .with_keep_alive(Duration::from_secs(77))
            .and_then(|options| options.with_user_agent_suffix("meter/2.1 (Köln)"))
            .expect("valid");
        let client = builder(&emulator, x509(&identity), transport)
            .with_mqtt_options(options)
            .with_api_version("2021-10-01");
        client.build().expect("valid").register().await.expect("assigned");
        let connect = connect(&emulator);
        assert!(connect.ends_with("keep-alive 77 s"), "{connect}");
        assert!(connect.contains("api-version=2021-10-01&ClientVersion="), "{connect}");
        assert!(connect.contains("%20meter%2F2.1%20%28K%C3%B6ln%29"), "{connect}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_packet_above_the_limit_that_was_set_ends_the_registration_as_an_unexpected_response() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        let client = builder(&emulator, x509(&identity), transport)
            .with_mqtt_options(MqttOptions::default().with_max_packet_size(2048))
            .with_payload(serde_json::Value::from("x".repeat(4096)));
        let client = client.build().expect("valid");
        let error = client.register().await.expect_err("the answer repeats the payload");
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{error}");
    }
    emulator.shutdown().await;
}

/// A clock that is wrong by so many seconds.
#[derive(Debug)]
struct Late(u64);

impl WallClock for Late {
    fn now(&self) -> SystemTime {
        SystemTime::now() - Duration::from_secs(self.0)
    }
}

#[tokio::test]
async fn a_token_is_as_old_as_the_devices_clock_and_lives_as_long_as_was_set() {
    let device = Device::new("device-1").symmetric_keys("a2V5", "a2V5");
    let emulator = start(local_dps().device(device)).await;
    for transport in BOTH {
        let client = |lifetime| {
            let clock = Arc::new(Late(7200));
            builder(&emulator, SymmetricKey::from_base64("a2V5").expect("a key"), transport)
                .with_registration_id("device-1")
                .with_clock(clock)
                .with_sas_lifetime(lifetime)
                .build()
                .expect("valid")
        };
        let stale = client(Duration::from_secs(3600)).register().await;
        assert_eq!(stale.expect_err("expired an hour ago").kind(), ErrorKind::Unauthorized);
        client(Duration::from_secs(3 * 3600))
            .register()
            .await
            .expect("assigned");
    }
    emulator.shutdown().await;
}

//! The facade against the local DPS, over real sockets and real TLS.

use std::time::Duration;

use provisioning_device::{
    Builder, Endpoint, ErrorKind, FailureReason, Host, ProvisioningDeviceClient, TlsProvider, Transport,
};
use provisioning_emulator::{Device, Direction, Emulator, KeyKind, LogEntry, LogKind, RetryAfter, TlsVersions};
use test_support::{
    emulator::{credential, local_dps, start, x509},
    soon,
};

use crate::support::{self, BOTH, port};

/// A builder for `device`, which the emulator issues a certificate to.
fn builder(emulator: &Emulator, device: &Device, transport: Transport) -> Builder {
    let identity = emulator.issue_device_with(device).expect("a device");
    support::builder(emulator, x509(&identity), transport)
}

fn client(emulator: &Emulator, device: &Device, transport: Transport) -> ProvisioningDeviceClient {
    builder(emulator, device, transport).build().expect("valid input")
}

/// The packets that came in, in order.
fn incoming(emulator: &Emulator) -> Vec<LogKind> {
    let log = emulator.log();
    log.iter()
        .filter(|entry| entry.direction == Direction::In)
        .map(|entry| entry.kind)
        .collect()
}

#[tokio::test]
async fn every_transport_provider_tls_version_key_and_chain_registers() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let emulator = start(local_dps().tls_versions(versions)).await;
        let providers = TlsProvider::AVAILABLE.iter();
        for (provider, transport) in providers.flat_map(|provider| BOTH.map(|transport| (provider, transport))) {
            for device in [
                Device::new("p256"),
                Device::new("p384").key(KeyKind::P384),
                Device::new("chained").through_an_intermediate(),
            ] {
                let builder = builder(&emulator, &device, transport).with_tls_provider(*provider);
                assert_eq!(builder.tls_provider().expect("valid"), Some(*provider));
                let client = builder.build().expect("valid input");
                let assignment = client
                    .register()
                    .await
                    .unwrap_or_else(|e| panic!("{provider} {versions:?} {device:?}: {e}"));
                assert_eq!(assignment.device_id(), client.request().registration_id().as_str());
                assert_eq!(assignment.assigned_hub(), "local-hub.azure-devices.net");
            }
        }
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn the_answer_reaches_the_caller_after_leaving_and_events_tell_the_way() {
    let emulator = start(local_dps()).await;
    for transport in BOTH {
        emulator.clear_log();
        let client = builder(&emulator, &Device::new("device-1"), transport)
            .with_payload(serde_json::json!({"site": "Köln"}))
            .build()
            .expect("valid input");
        let mut events = client.events();
        let assignment = client.register().await.expect("assigned");
        assert_eq!(assignment.state().payload(), Some(&serde_json::json!({"site": "Köln"})));
        drop(client);
        let mut seen = vec![];
        while let Some(event) = events.next().await {
            assert_eq!(event.registration_id.as_str(), "device-1");
            seen.push(event.event.name());
        }
        assert_eq!(seen, ["connecting", "connected", "assigning", "assigned", "ended"]);
        // The emulator reads what was flushed before the call returned.
        has_come_in(&emulator, LogKind::Disconnect).await;
        let packets = incoming(&emulator);
        assert_eq!(packets.first(), Some(&LogKind::Connect));
        assert_eq!(
            packets[packets.len() - 2..],
            [LogKind::Unsubscribe, LogKind::Disconnect]
        );
    }
    emulator.shutdown().await;
}

/// Waits until a packet has come in.
async fn has_come_in(emulator: &Emulator, packet: LogKind) {
    let is_it = |entry: &LogEntry| entry.direction == Direction::In && entry.kind == packet;
    soon(packet.as_str(), emulator.wait_for(is_it)).await;
}

#[tokio::test]
async fn the_same_client_registers_again_after_every_kind_of_end() {
    let device = Device::new("device-1").throttled(429, 1, RetryAfter::Seconds(600));
    // Real time, over sockets: a second is the shortest wait that a service can ask for.
    let slow = local_dps()
        .polls_before_assigning(1)
        .retry_after(RetryAfter::Seconds(1));
    let emulator = start(slow.device(device.clone())).await;
    for transport in BOTH {
        let client = client(&emulator, &device, transport);
        if transport == Transport::Mqtt {
            let error = client.register().await.expect_err("throttled");
            assert_eq!(error.kind(), ErrorKind::Throttled);
            assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
        }
        // Cancelled while it waits to poll.
        let (outcome, cancelled) = tokio::join!(client.register(), async {
            // It acknowledges the response, and waits for the time that the response says.
            has_come_in(&emulator, LogKind::PubAck).await;
            client.cancel().await
        });
        assert_eq!(outcome.expect_err("cancelled").kind(), ErrorKind::Cancelled);
        cancelled.expect("cancelled in time");
        // Dropped in the middle.
        emulator.clear_log();
        tokio::select! {
            outcome = client.register() => panic!("it was waiting to poll: {outcome:?}"),
            () = has_come_in(&emulator, LogKind::PubAck) => {}
        }
        has_come_in(&emulator, LogKind::Disconnect).await;
        client.register().await.expect("assigned");
        emulator.clear_log();
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn once_a_cancel_has_returned_the_same_client_registers_at_once() {
    // Real time, over sockets: a second is the shortest wait that a service can ask for.
    let slow = local_dps()
        .polls_before_assigning(1)
        .retry_after(RetryAfter::Seconds(1));
    let emulator = start(slow).await;
    for transport in BOTH {
        let client = client(&emulator, &Device::new("device-1"), transport);
        let cancelled = tokio::spawn({
            let client = client.clone();
            async move { client.register().await }
        });
        has_come_in(&emulator, LogKind::Publish).await;
        client.cancel().await.expect("cancelled in time");
        client.register().await.expect("assigned");
        let outcome = cancelled.await.expect("no panic");
        assert_eq!(outcome.expect_err("cancelled").kind(), ErrorKind::Cancelled);
        emulator.clear_log();
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_second_register_is_an_invalid_operation_and_harms_nothing() {
    // Real time, as above.
    let emulator = start(local_dps().retry_after(RetryAfter::Seconds(1))).await;
    let client = client(&emulator, &Device::new("device-1"), Transport::Mqtt);
    let (first, second) = tokio::join!(client.register(), async {
        has_come_in(&emulator, LogKind::Publish).await;
        client.register().await
    });
    assert!(matches!(
        second.expect_err("busy").reason(),
        FailureReason::InvalidOperation
    ));
    assert_eq!(first.expect("assigned").device_id(), "device-1");
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_endpoint_can_name_the_websockets_path_and_the_certificates_name() {
    let emulator = start(local_dps().host("dps.example")).await;
    let device = Device::new("device-1");
    for transport in BOTH {
        let endpoint: Endpoint = format!("127.0.0.1:{}", port(&emulator, transport))
            .parse()
            .expect("an endpoint");
        let named = endpoint
            .clone()
            .with_server_name(Host::new("dps.example").expect("a name"));
        let register = async |endpoint| {
            let client = builder(&emulator, &device, transport)
                .with_endpoint(endpoint)
                .build()
                .expect("valid");
            client.register().await
        };
        register(named).await.expect("assigned");
        let wrong = endpoint
            .clone()
            .with_server_name(Host::new("other.example").expect("a name"));
        let error = register(wrong).await.expect_err("the certificate is for other names");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert_eq!(error.to_string(), "the server's certificate is not for other.example");
        if transport == Transport::MqttWs {
            let elsewhere = endpoint.with_websocket_path("/elsewhere").expect("a path");
            let error = register(elsewhere).await.expect_err("no WebSocket there");
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_device_that_another_ca_signed_is_not_authorized_over_both_versions_of_tls() {
    let stranger = Emulator::builder().start_in_memory().expect("another CA");
    let x509 = credential(&stranger, "device-1");
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let emulator = start(local_dps().tls_versions(versions)).await;
        for transport in BOTH {
            let client = support::builder(&emulator, x509.clone(), transport);
            let client = client.build().expect("valid input");
            let error = client.register().await.expect_err("refused");
            assert_eq!(
                error.kind(),
                ErrorKind::Unauthorized,
                "{versions:?} {transport:?}: {error}"
            );
            assert!(
                error.hint().contains("signed by its group's verified CA"),
                "{}",
                error.hint()
            );
        }
        emulator.shutdown().await;
    }
}

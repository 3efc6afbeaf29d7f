//! Whom a client trusts, what it speaks, and whose name it expects.

use provisioning_device::{ErrorKind, TlsVersion};
use provisioning_emulator::{LogKind, TlsVersions};
use test_support::emulator::{local_dps, start, x509};

use crate::support::{BOTH, builder, host};

#[tokio::test]
async fn extra_roots_are_trusted_beside_the_others() {
    let emulator = start(local_dps()).await;
    let stranger = local_dps().start_in_memory().expect("another CA");
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        let trusting_the_stranger = builder(&emulator, x509(&identity), transport).with_ca_pem(stranger.ca_pem());
        let client = trusting_the_stranger.clone().build().expect("valid");
        let error = client.register().await.expect_err("the stranger only");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(error.to_string().contains("signed by \"DPS emulator CA"), "{error}");
        let client = trusting_the_stranger.with_extra_ca_pem(emulator.ca_pem()).build();
        client
            .expect("valid")
            .register()
            .await
            .expect("the stranger and the emulator");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn an_older_version_than_the_minimum_is_not_spoken() {
    let emulator = start(local_dps().tls_versions(TlsVersions::Only12)).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        for (version, is_spoken) in [(TlsVersion::V1_2, true), (TlsVersion::V1_3, false)] {
            let client = builder(&emulator, x509(&identity), transport).with_min_tls_version(version);
            let outcome = client.build().expect("valid").register().await;
            match outcome {
                Ok(_) => assert!(is_spoken, "{version:?}"),
                Err(error) => {
                    assert!(!is_spoken, "{version:?}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Tls);
                }
            }
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_gateway_may_stand_at_another_host_than_the_services_name() {
    let emulator = start(local_dps().host("global.dps.example")).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        let gateway = host(&emulator, transport).replace("localhost", "127.0.0.1");
        for (name, bears_it) in [("global.dps.example", true), ("other.dps.example", false)] {
            let client = builder(&emulator, x509(&identity), transport)
                .with_host(&gateway)
                .with_server_name(name)
                .build()
                .expect("valid");
            let outcome = client.register().await.map_err(|error| error.kind());
            let refused = (!bears_it).then_some(ErrorKind::Tls);
            assert_eq!(outcome.as_ref().err(), refused.as_ref(), "{name}: {outcome:?}");
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_probe_shows_each_step_and_registers_nothing() {
    let emulator = start(local_dps()).await;
    let identity = emulator.issue_device("device-1").expect("a device");
    for transport in BOTH {
        let trusting = builder(&emulator, x509(&identity), transport);
        let probe = trusting.probe(transport).await.expect("valid");
        assert!(probe.is_reached() && probe.is_trusted() == Some(true), "{probe:?}");
        assert_eq!((probe.chain().len(), probe.tls_version()), (1, Some(TlsVersion::V1_3)));
        let nowhere = trusting.with_host("localhost:1").probe(transport).await.expect("valid");
        assert!(!nowhere.is_reached() && !nowhere.addresses().is_empty(), "{nowhere:?}");
        assert_eq!(
            nowhere.error().map(provisioning_device::TransportError::kind),
            Some(ErrorKind::Connect)
        );
    }
    assert!(!emulator.log().iter().any(|entry| entry.kind == LogKind::Publish));
    emulator.shutdown().await;
}

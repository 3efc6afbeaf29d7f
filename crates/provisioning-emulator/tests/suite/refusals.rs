//! Why a device or a caller is refused: one entry for each, with where it comes from and a sentence.

use std::{sync::Arc, time::Duration};

use provisioning_emulator::{
    Builder, Cut, Device as Treated, Effect, Emulator, Enrollment, Fault, LogEntry, LogKind, Port, RetryAfter,
    Security, Step, TlsVersions,
};
use rumqttc::{Connect, ConnectReturnCode, Login, QoS};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    client::ResolvesClientCert,
    crypto::ring,
    sign::{CertifiedKey, SingleCertAndKey},
    version,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};
use tokio_rustls::TlsConnector;

use crate::support::{
    ANSWERS, Device, ID_SCOPE, builder, connect_packet, exchange,
    http::{Token, look, send},
    in_memory, packet, plain, register_topic, stop, text, tls, user_name,
};

/// The only refusal in the log.
async fn refusal(emulator: &Emulator) -> Arc<LogEntry> {
    sleep(Duration::from_secs(5)).await;
    only_refusal(emulator)
}

fn only_refusal(emulator: &Emulator) -> Arc<LogEntry> {
    let log = emulator.log();
    let refusals: Vec<_> = log.iter().filter(|entry| entry.is_refusal()).collect();
    let [refusal] = &refusals[..] else {
        panic!("{} refusals: {log:?}", refusals.len())
    };
    assert!(refusal.port.is_some(), "{refusal:?}");
    Arc::clone(refusal)
}

fn reason(entry: &LogEntry) -> &str {
    entry.reason.as_deref().expect("a reason")
}

/// A handshake with this client over TCP, and the refusal. In memory rustls loses the alert behind another record.
async fn handshake(
    builder: Builder,
    ca_of: Option<&Emulator>,
    versions: &[&'static SupportedProtocolVersion],
    name: &str,
) -> String {
    let emulator = builder.start().await.expect("an emulator");
    let ca = ca_of.unwrap_or(&emulator).ca_pem();
    let connector = tls::connector(ca, None, versions);
    let tcp = TcpStream::connect(emulator.mqtt_address()).await.expect("a listener");
    let peer = tcp.local_addr().expect("an address");
    tls::connect(&connector, name, tcp).await.expect_err("no TLS");
    let refusal = emulator.wait_for(LogEntry::is_refusal).await;
    assert_eq!(
        (refusal.kind, refusal.port),
        (LogKind::Tls, Some(Port::Mqtt)),
        "{refusal:?}"
    );
    assert_eq!((refusal.connection, refusal.peer), (Some(1), Some(peer)), "{refusal:?}");
    stop(emulator).await;
    reason(&refusal).to_owned()
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_ca_is_told_by_its_alert() {
    let stranger = in_memory();
    for versions in [&[&version::TLS12], &[&version::TLS13]] {
        let reason = handshake(builder(), Some(&stranger), versions, "localhost").await;
        assert_eq!(
            reason,
            "the client does not trust ca.pem: it closed with the alert unknown_ca"
        );
    }
}

#[tokio::test]
async fn a_client_that_expects_another_name_is_told_by_its_alert() {
    let reason = handshake(builder(), None, &tls::BOTH, "other.example").await;
    let part = "connects to a name that the certificate does not have (--host adds names)";
    assert!(reason.contains(part), "{reason}");
}

#[tokio::test]
async fn a_tls_version_that_is_not_supported_is_named() {
    for (offered, supported) in [
        (&version::TLS12, TlsVersions::Only13),
        (&version::TLS13, TlsVersions::Only12),
    ] {
        let reason = handshake(builder().tls_versions(supported), None, &[offered], "localhost").await;
        let part = "the client offers no TLS version that this port supports";
        assert!(reason.starts_with(part), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_1_certificate_is_named_with_its_subject_and_thumbprint() {
    let emulator = in_memory();
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(emulator.ca_pem().as_bytes()).expect("a CA");
    roots.add(ca).expect("a root");
    let chain = CertificateDer::from_pem_slice(include_bytes!("../data/version-1/device.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../data/version-1/device.key")).expect("a key");
    let provider = ring::default_provider();
    let key = provider.key_provider.load_private_key(key).expect("a key");
    let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![chain], key)));
    for version in [&version::TLS12, &version::TLS13] {
        emulator.clear_log();
        let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots.clone())
            .with_client_cert_resolver(Arc::clone(&resolver));
        let link = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
        let stream = tls::connect(&TlsConnector::from(Arc::new(config)), "localhost", link).await;
        let refusal = refusal(&emulator).await;
        drop(stream);
        let reason = reason(&refusal);
        let start = "the client certificate is an X.509 version 1 certificate, and version 3 is required \
                     (subject \"CN=device-1\", issuer \"CN=device-1\", SHA-256 ";
        assert!(refusal.kind == LogKind::Tls && reason.starts_with(start), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_tls_at_all_and_an_end_within_the_handshake_are_told() {
    let emulator = in_memory();
    exchange(emulator.connect(Port::Mqtt, Security::Tls, 4096), b"\x50\x02\x00\x01").await;
    let refused = refusal(&emulator).await;
    assert!(reason(&refused).contains("not TLS"), "{refused:?}");
    emulator.clear_log();
    let mut link = emulator.connect(Port::Mqtt, Security::Tls, 4096);
    link.write_all(&[0x16, 3, 1, 2, 0, 1]).await.expect("sent");
    drop(link);
    let refused = refusal(&emulator).await;
    assert!(reason(&refused).contains("without an alert"), "{refused:?}");
    // Programs that wait for a port connect and send nothing.
    emulator.clear_log();
    drop(emulator.connect(Port::Mqtt, Security::Tls, 4096));
    let ended = emulator.wait_for(|entry| entry.kind == LogKind::Ignored).await;
    assert!(!ended.is_refusal(), "{ended:?}");
}

#[tokio::test]
async fn an_end_without_close_notify_is_a_plain_close() {
    let emulator = builder().start().await.expect("an emulator");
    let identity = emulator.issue_device("d").expect("an identity");
    let stream = tls::dial(&emulator, emulator.mqtt_port(), &identity).await;
    let device = Device::accepted(stream, "d").await;
    let (tcp, _): (TcpStream, _) = device.into_stream().into_inner();
    drop(tcp);
    let close = emulator.wait_for(|entry| entry.kind == LogKind::Close).await;
    assert_eq!(close.reason.as_deref(), Some("the device is gone without DISCONNECT"));
    assert!(emulator.log().iter().all(|entry| !entry.is_refusal()));
    stop(emulator).await;
}

/// The refusal of this CONNECT, without TLS.
async fn refused_connect(emulator: &Emulator, connect: Connect) -> String {
    emulator.clear_log();
    let mut device = Device::over(plain(emulator));
    assert_ne!(device.connect(connect).await, ConnectReturnCode::Success);
    device.is_closed().await;
    let refusal = only_refusal(emulator);
    assert_eq!(
        (refusal.kind, refusal.registration_id.as_deref()),
        (LogKind::ConnAck, Some("d"))
    );
    assert!(matches!(refusal.status, Some(4 | 5)), "{refusal:?}");
    reason(&refusal).to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_refused_connect_says_what_is_wrong_after_the_name_of_its_return_code() {
    let emulator = builder()
        .enrollment(Enrollment::individual("d").symmetric_keys("a2V5", "a2V5"))
        .start_in_memory()
        .expect("an emulator");
    let with = |user_name: &str, password: &str| Connect {
        login: Some(Login::new(user_name, password)),
        ..connect_packet("d")
    };
    let token = |id: &str, key: &str, expires_in| {
        Token {
            resource: format!("{ID_SCOPE}%2Fregistrations%2F{id}"),
            policy: "registration".to_owned(),
            key: key.to_owned(),
            expires_in,
        }
        .sign()
    };
    let name = user_name("d");
    let by = " (by the individual enrollment \"d\")";
    for (connect, expected) in [
        (
            with("x", ""),
            "bad user name or password: the user name \"x\" does not have the form {idScope}/".to_owned(),
        ),
        (
            with(&user_name("other"), ""),
            "not authorized: the client id \"d\" is not the registration id \"other\" of the user name".to_owned(),
        ),
        (
            with(&name, &token("d", "b3RoZXI=", 3600)),
            format!("not authorized: the token is signed with another key{by}"),
        ),
        (
            with(&name, &token("d", "a2V5", -60)),
            "not authorized: the token has expired: its expiry (se) is ".to_owned(),
        ),
        (
            with(&name, &token("e", "a2V5", 3600)),
            format!(
                "not authorized: the token is for another registration: its resource (sr) is \"{ID_SCOPE}/registrations/e\"{by}"
            ),
        ),
    ] {
        let reason = refused_connect(&emulator, connect).await;
        assert!(reason.starts_with(&expected), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_common_name_is_named_beside_the_registration_id() {
    let emulator = in_memory();
    let identity = emulator.issue_device("pump").expect("an identity");
    let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
    let link = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    let mut device = Device::over(tls::connect(&connector, "localhost", link).await.expect("TLS"));
    assert_eq!(
        device.connect(connect_packet("d")).await,
        ConnectReturnCode::NotAuthorized
    );
    assert_eq!(
        reason(&*refusal(&emulator).await),
        "not authorized: the common name of the client certificate is \"pump\", not the registration id \"d\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_the_service_does_not_take_is_named() {
    let publish = |first, id: &[u8]| packet(first, &[&text(&register_topic("1"))[..], id, b"{}"].concat());
    for (bytes, expected) in [
        (
            publish(0x31, &[]),
            "PUBLISH is retained: the service takes no retained messages",
        ),
        (
            publish(0x34, &[0, 1]),
            "PUBLISH has QoS 2: the service takes QoS 0 and 1",
        ),
        (
            packet(0x62, &[0, 1]),
            "PUBREL belongs to QoS 2: the service takes QoS 0 and 1",
        ),
        (
            packet(0x30, &text("a/b")),
            "PUBLISH to the topic \"a/b\", which is not the service's: expected $dps/",
        ),
        (
            packet(0x82, &[&[0, 0], &text(ANSWERS)[..], &[1]].concat()),
            "SUBSCRIBE has the packet id 0",
        ),
        (vec![0x30, 0x80, 0x80, 0x80, 0x80, 1], "PUBLISH is malformed"),
    ] {
        let emulator = in_memory();
        let mut device = Device::accepted(plain(&emulator), "d").await;
        device.send_bytes(&bytes).await;
        device.is_closed().await;
        let refusal = refusal(&emulator).await;
        assert!(reason(&refusal).starts_with(expected), "{refusal:?}");
        assert_eq!(
            (refusal.kind, refusal.registration_id.as_deref()),
            (LogKind::Refused, Some("d"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_to_another_topic_is_named() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    device
        .send(rumqttc::Packet::Subscribe(rumqttc::Subscribe {
            pkid: 1,
            filters: vec![rumqttc::SubscribeFilter::new("devices/#".to_owned(), QoS::AtLeastOnce)],
        }))
        .await;
    device.receive().await;
    let refusal = only_refusal(&emulator);
    assert_eq!((refusal.kind, refusal.status), (LogKind::SubAck, Some(128)));
    assert_eq!(
        reason(&refusal),
        "SUBSCRIBE to \"devices/#\": only $dps/registrations/res/# can be subscribed to"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_has_its_message_as_the_reason_over_mqtt_and_https() {
    let emulator = builder()
        .device(Treated::new("d").throttled(429, 2, RetryAfter::Seconds(1)))
        .start_in_memory()
        .expect("an emulator");
    let mut device = Device::ready(plain(&emulator), "d").await;
    assert_eq!(device.register("d").await.status, 429);
    let throttled = "Operations are being throttled for this tenant.";
    let refused = only_refusal(&emulator);
    assert_eq!(
        (refused.kind, refused.status, reason(&refused)),
        (LogKind::Publish, Some(429), throttled)
    );
    emulator.clear_log();
    let path = format!("/{ID_SCOPE}/registrations/d/register?api-version=2021-06-01");
    let call = format!("PUT {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let link = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
    send(link, &call).await.refusal(429);
    let refused = only_refusal(&emulator);
    assert_eq!(
        (refused.kind, refused.status, reason(&refused)),
        (LogKind::Http, Some(429), throttled)
    );
    assert_eq!(refused.registration_id.as_deref(), Some("d"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_upgrade_and_a_refused_page_have_their_status_and_their_call() {
    let emulator = in_memory();
    let call = "GET /mqtt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    send(emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024), call)
        .await
        .refusal(404);
    let refused = only_refusal(&emulator);
    assert_eq!((refused.kind, refused.status), (LogKind::WebSocket, Some(404)));
    assert_eq!(refused.topic.as_deref(), Some("GET /mqtt"));
    assert_eq!(
        reason(&refused),
        "There is no WebSocket at /mqtt. MQTT over WebSocket is at /$iothub/websocket."
    );
    emulator.clear_log();
    assert_eq!(look(&emulator, "GET", "/", "evil.example").await.status, 403);
    let refused = only_refusal(&emulator);
    assert_eq!(
        (refused.kind, refused.status, refused.port),
        (LogKind::Http, Some(403), Some(Port::Page))
    );
    assert_eq!(
        reason(&refused),
        "This page is for http://localhost only, unless the emulator is started with --page-listen."
    );
    let state = look(&emulator, "GET", "/state.json", "localhost").await.json();
    assert_eq!(state["refusals"][0]["n"], refused.n, "the page knows it as a refusal");
}

#[tokio::test(start_paused = true)]
async fn a_malformed_request_after_a_good_one_is_told_on_each_port_with_http() {
    for (port, path, kind) in [
        (Port::Control, "/health", LogKind::Control),
        (Port::Page, "/health", LogKind::Http),
        (Port::WebSocket, "/x", LogKind::WebSocket),
    ] {
        let emulator = in_memory();
        let good = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let both = [good.as_bytes(), b"\0\0\0\0\r\n\r\n"].concat();
        exchange(emulator.connect(port, Security::Plain, 64 * 1024), &both).await;
        sleep(Duration::from_secs(5)).await;
        let log = emulator.log();
        let last = log.iter().rfind(|entry| entry.is_refusal()).expect("a refusal");
        assert_eq!((last.kind, last.port), (kind, Some(port)), "{log:?}");
        assert!(
            reason(last).starts_with("a further request on the connection is not HTTP/1.1"),
            "{last:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_refuses_or_ends_something_is_named_with_its_step() {
    let refuse = || Effect::Refuse {
        code: None,
        retry_after: None,
    };
    for (effect, step, expected) in [
        (
            Effect::Close(Cut::Now),
            Step::Tcp,
            "the fault `close` at `tcp` ended the connection",
        ),
        (
            refuse(),
            Step::Connack,
            "server unavailable: the fault `refuse` at `connack`",
        ),
        (
            Effect::Reset(Cut::AfterSent(2)),
            Step::Connack,
            "the fault `reset` at `connack` ended the connection",
        ),
        (refuse(), Step::Suback, "the fault `refuse` at `suback`"),
        (
            Effect::Close(Cut::Now),
            Step::Suback,
            "the fault `close` at `suback` ended the connection",
        ),
        (refuse(), Step::Answer, "Refused by the fault `refuse` at `answer`."),
    ] {
        let emulator = in_memory();
        emulator.inject(Fault::new(effect, step).expect("a fault"));
        let subscribe = packet(0x82, &[&[0, 1], &text(ANSWERS)[..], &[1]].concat());
        let body = br#"{"registrationId":"d"}"#;
        let request = packet(0x30, &[&text(&register_topic("1"))[..], body].concat());
        let connect = crate::support::connect_bytes("MQTT", 4, 0x82);
        let said = [connect, subscribe, request, packet(0xE0, &[])].concat();
        let mut link = plain(&emulator);
        let _ = link.write_all(&said).await;
        sleep(Duration::from_secs(5)).await;
        let log = emulator.log();
        let refusal = log.iter().find(|entry| entry.is_refusal()).expect("a refusal");
        assert_eq!(reason(refusal), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_connection_is_told_that_there_is_a_newer_one() {
    let emulator = in_memory();
    let mut older = Device::accepted(plain(&emulator), "d").await;
    let _newer = Device::accepted(plain(&emulator), "d").await;
    older.is_closed().await;
    let refusal = refusal(&emulator).await;
    assert_eq!(refusal.connection, Some(1));
    assert!(
        reason(&refusal).starts_with("the device has a newer connection"),
        "{refusal:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_registration_is_an_entry_and_no_refusal() {
    let emulator = builder()
        .assigned_hub("hub.example")
        .device(Treated::new("failing").failed(400_209, "no hub"))
        .device(Treated::new("disabled").disabled())
        .start_in_memory()
        .expect("an emulator");
    for (id, outcome) in [
        ("a", "assigned to hub.example"),
        ("failing", "failed with 400209: no hub"),
        ("disabled", "disabled"),
    ] {
        emulator.clear_log();
        let mut device = Device::ready(plain(&emulator), id).await;
        let first = device.register(id).await;
        let outcomes = || {
            let log = emulator.log().into_iter();
            log.filter(|entry| entry.kind == LogKind::Registration)
                .collect::<Vec<_>>()
        };
        assert!(outcomes().is_empty(), "it is assigning");
        let operation = first.body["operationId"].as_str().expect("an id").to_owned();
        for _ in 0..2 {
            device.query(&operation).await;
        }
        let [entry] = &outcomes()[..] else {
            panic!("one entry: {:?}", emulator.log())
        };
        assert_eq!((reason(entry), entry.registration_id.as_deref()), (outcome, Some(id)));
        assert!(entry.port.is_some() && !entry.is_refusal(), "{entry:?}");
    }
}

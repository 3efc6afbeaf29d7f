//! What a test learns from the emulator: the log and its fields, registrations, keys and addresses.

use std::time::Duration;

use provisioning_emulator::{
    Device as Treated, EmulatorError, Enrollment, LogEntry, LogKind, Port, RegistrationStatus, Security,
};
use rumqttc::{Connect, ConnectReturnCode, Login};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::support::{Device, ID_SCOPE, builder, connect_packet, in_memory, plain, stop, tls, user_name};

#[tokio::test(start_paused = true)]
async fn an_entry_can_be_waited_for_before_it_is_written_and_afterwards() {
    let emulator = in_memory();
    let device = async {
        sleep(Duration::from_secs(3600)).await;
        let mut device = Device::ready(plain(&emulator), "d").await;
        device.register("d").await;
        device
    };
    let start = Instant::now();
    let is_response = |entry: &LogEntry| entry.kind == LogKind::Publish && entry.status == Some(202);
    let (_device, response) = tokio::join!(device, emulator.wait_for(is_response));
    assert_eq!(start.elapsed().as_secs(), 3600);
    assert_eq!(response.registration_id.as_deref(), Some("d"));
    let again = emulator.wait_for(is_response).await;
    assert_eq!(again.n, response.n, "it is in the log");
    let never = emulator.wait_for(|entry| entry.kind == LogKind::Panic);
    timeout(Duration::from_secs(1_000_000), never)
        .await
        .expect_err("no such entry");
}

#[tokio::test]
async fn an_entry_says_which_port_a_connection_uses_and_where_it_comes_from() {
    let emulator = builder().start().await.expect("an emulator");
    let identity = emulator.issue_device("d").expect("an identity");
    let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
    let tcp = TcpStream::connect(emulator.mqtt_address()).await.expect("a listener");
    let from = tcp.local_addr().expect("an address");
    let stream = tls::connect(&connector, "localhost", tcp).await.expect("TLS");
    let _device = Device::accepted(stream, "d").await;
    let connack = emulator.wait_for(|entry| entry.kind == LogKind::ConnAck).await;
    assert_eq!((connack.peer, connack.port), (Some(from), Some(Port::Mqtt)));
    assert_eq!((connack.connection, connack.status), (Some(1), Some(0)));

    // This one never gets as far as CONNECT.
    let tcp = TcpStream::connect(emulator.websocket_address())
        .await
        .expect("a listener");
    let from = tcp.local_addr().expect("an address");
    drop(tcp);
    let failed = emulator.wait_for(|entry| entry.kind == LogKind::Ignored).await;
    assert_eq!((failed.peer, failed.port), (Some(from), Some(Port::WebSocket)));
    assert_eq!((failed.connection, failed.registration_id.as_deref()), (Some(2), None));
    stop(emulator).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_starts_with_the_certificate_that_the_device_presented() {
    let emulator = in_memory();
    let identity = emulator.issue_device("d").expect("an identity");
    let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
    let link = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    let stream = tls::connect(&connector, "localhost", link).await.expect("TLS");
    let _device = Device::accepted(stream, "d").await;
    let open = emulator.wait_for(|entry| entry.kind == LogKind::Open).await;
    assert_eq!(
        open.reason.as_deref(),
        Some("client certificate with the common name \"d\"")
    );
    assert_eq!(open.peer, None, "it is in memory");
}

#[tokio::test(start_paused = true)]
async fn a_refused_device_is_logged_under_the_id_that_it_claims() {
    let emulator = in_memory();
    let mut device = Device::over(plain(&emulator));
    let connect = Connect {
        login: Some(Login::new(user_name("d").replace(ID_SCOPE, "0neOTHER"), "hunter2")),
        ..connect_packet("d")
    };
    assert_eq!(device.connect(connect).await, ConnectReturnCode::NotAuthorized);
    device.is_closed().await;
    for kind in [LogKind::Connect, LogKind::ConnAck, LogKind::Close] {
        let entry = emulator.wait_for(|entry| entry.kind == kind).await;
        assert_eq!(entry.registration_id.as_deref(), Some("d"), "{entry:?}");
    }
    let connack = emulator.wait_for(|entry| entry.kind == LogKind::ConnAck).await;
    assert_eq!(
        (connack.status, connack.reason.as_deref()),
        (
            Some(5),
            Some("not authorized: the id scope \"0neOTHER\" is not the emulator's, which is \"0ne00A1B2C3\"")
        )
    );
}

#[tokio::test(start_paused = true)]
async fn registrations_are_read_with_their_types_sorted_by_id() {
    let emulator = builder()
        .assigned_hub("hub.example")
        .device(
            Treated::new("failing")
                .failed(400_209, "no hub")
                .polls_before_outcome(0),
        )
        .device(Treated::new("disabled").disabled().polls_before_outcome(0))
        .device(Treated::new("waiting").never_assigned())
        .device(Treated::new("Assigned").polls_before_outcome(0))
        .start_in_memory()
        .expect("an emulator");
    assert_eq!(emulator.registrations(), []);
    for id in ["waiting", "failing", "disabled", "Assigned"] {
        Device::ready(plain(&emulator), id).await.register(id).await;
    }
    let all = emulator.registrations();
    let statuses: Vec<_> = all.iter().map(|it| (it.registration_id.as_str(), it.status)).collect();
    let expected = [
        ("Assigned", RegistrationStatus::Assigned),
        ("disabled", RegistrationStatus::Disabled),
        ("failing", RegistrationStatus::Failed),
        ("waiting", RegistrationStatus::Assigning),
    ];
    assert_eq!(statuses, expected);
    let assigned = &all[0];
    assert_eq!(assigned.device_id.as_deref(), Some("Assigned"));
    assert_eq!(assigned.assigned_hub.as_deref(), Some("hub.example"));
    assert_eq!(assigned.substatus.as_deref(), Some("initialAssignment"));
    assert_eq!(assigned.enrollment_group_id.as_deref(), Some("local-devices"));
    assert!(assigned.created.is_some() && assigned.last_updated.is_some() && assigned.etag.is_some());
    let failing = &all[2];
    assert_eq!(
        (failing.error_code, failing.error_message.as_deref()),
        (Some(400_209), Some("no hub"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_returned_payload_is_in_the_registration() {
    let emulator = builder()
        .polls_before_assigning(0)
        .start_in_memory()
        .expect("an emulator");
    let mut device = Device::ready(plain(&emulator), "d").await;
    let body = r#"{"registrationId":"d","payload":{"a":[1]}}"#;
    device.request(&crate::support::register_topic("1"), body).await;
    let registrations = emulator.registrations();
    assert_eq!(registrations[0].payload.as_deref(), Some(r#"{"a":[1]}"#));
}

#[test]
fn a_devices_key_is_its_enrollments_or_derived_from_its_groups() {
    let emulator = builder()
        .enrollment(Enrollment::individual("Own").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5"))
        .enrollment(Enrollment::individual("certified").own_ca())
        .start_in_memory()
        .expect("an emulator");
    assert_eq!(emulator.device_key("own").as_deref(), Some("cHJpbWFyeQ=="));
    assert_eq!(
        emulator.device_key("certified"),
        None,
        "its own enrollment counts before the group's"
    );
    let of_group = emulator.device_key("other").expect("a derived key");
    assert_ne!(of_group, emulator.group_key());
    assert_ne!(Some(of_group), emulator.device_key("another"));

    let emulator = builder()
        .only_enrollments()
        .enrollment(Enrollment::group("keys").symmetric_keys("a2V5", "a2V5"))
        .start_in_memory()
        .expect("an emulator");
    // HMAC-SHA256 with the key "key" over "device-1".
    let derived = "oEJb2035sqmsuTIUsQRaimLKqMw2StmImYCnoOw/xQc=";
    assert_eq!(emulator.device_key("device-1").as_deref(), Some(derived));
}

#[tokio::test]
async fn addresses_are_what_clients_connect_to() {
    let emulator = builder()
        .control_port(0)
        .page_port(0)
        .start()
        .await
        .expect("an emulator");
    assert_eq!(emulator.mqtt_address(), format!("localhost:{}", emulator.mqtt_port()));
    for address in [
        emulator.mqtt_address(),
        emulator.websocket_address(),
        emulator.control_address(),
        emulator.page_address(),
    ] {
        TcpStream::connect(&address)
            .await
            .unwrap_or_else(|error| panic!("{address}: {error}"));
    }
    stop(emulator).await;
    let named = builder().host("dps.test").start_in_memory().expect("an emulator");
    assert_eq!(named.mqtt_address(), "localhost:0", "it does not listen");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_certificate_is_for_the_address_that_is_listened_on() {
    let address = "127.0.0.2".parse().expect("an address");
    let emulator = builder().listen(address).start().await.expect("an emulator");
    assert_eq!(emulator.mqtt_address(), format!("127.0.0.2:{}", emulator.mqtt_port()));
    let tcp = TcpStream::connect(emulator.mqtt_address()).await.expect("a listener");
    let connector = tls::connector(emulator.ca_pem(), None, &tls::BOTH);
    tls::connect(&connector, "127.0.0.2", tcp).await.expect("TLS");
    stop(emulator).await;
}

#[test]
fn a_chain_that_is_not_json_is_an_error_of_the_start() {
    let not_json = std::collections::HashMap::from([((1, 2), 3)]);
    let device = Treated::new("d").issued_certificate_chain(not_json);
    let error = builder().device(device).start_in_memory().expect_err("not JSON");
    assert!(matches!(error, EmulatorError::Device { .. }), "{error}");
    assert!(
        error.to_string().starts_with("the device d cannot be used: "),
        "{error}"
    );
}

#[test]
fn debug_shows_no_key() {
    let treated = Treated::new("d").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5");
    let enrollment = Enrollment::individual("e").symmetric_keys("cHJpbWFyeQ==", "c2Vjb25kYXJ5");
    let builder = builder().device(treated.clone()).enrollment(enrollment.clone());
    let mut shown = format!("{treated:?} {enrollment:?} {builder:?}");
    let emulator = builder.start_in_memory().expect("an emulator");
    let identity = emulator.issue_device("d").expect("an identity");
    shown += &format!("{emulator:?} {identity:?}");
    let private = identity.private_key_pem.lines().nth(1).expect("a line of the key");
    let connection_string = emulator.connection_string();
    let (_, control_key) = connection_string.split_once("SharedAccessKey=").expect("a key");
    let group_key = emulator.group_key();
    for key in ["cHJpbWFyeQ", "c2Vjb25kYXJ5", private, control_key, &group_key] {
        assert!(!shown.contains(key), "{key} in {shown}");
    }
    assert!(shown.contains("Emulator") && shown.contains(ID_SCOPE), "{shown}");
}

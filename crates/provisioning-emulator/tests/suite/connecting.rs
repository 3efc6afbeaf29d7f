//! Who may connect: CONNECT and its checks, and one connection per device.

use std::{
    io::{Read, Seek},
    time::Duration,
};

use provisioning_emulator::LogKind;
use rumqttc::{Connect, ConnectReturnCode, LastWill, Login, Packet, QoS};
use serde_json::json;

use crate::support::{
    Device, ID_SCOPE, builder, connect_bytes, connect_packet, exchange,
    http::{Call, Token, look},
    in_memory, notes, packet, plain, refusals, stop, user_name,
};

/// The code with which this CONNECT is answered; a refused connection is closed, and why is logged.
async fn code(connect: Connect) -> ConnectReturnCode {
    let emulator = in_memory();
    let mut device = Device::over(plain(&emulator));
    let code = device.connect(connect).await;
    if code != ConnectReturnCode::Success {
        device.is_closed().await;
        assert_eq!(notes(&emulator, "close").len(), 1, "{:?}", emulator.log());
        let log = emulator.log();
        let claimed = log.iter().filter(|entry| entry.kind != LogKind::Open);
        assert!(
            claimed
                .map(|entry| entry.registration_id.as_deref())
                .all(|id| id == Some("d")),
            "the id that the device claims is logged: {log:?}"
        );
        assert!(emulator.registrations().is_empty(), "nobody was let in");
    }
    code
}

fn with_user_name(user_name: &str) -> Connect {
    Connect {
        login: Some(Login::new(user_name, "")),
        ..connect_packet("d")
    }
}

#[tokio::test(start_paused = true)]
async fn ids_are_compared_without_case_and_parameters_come_in_any_order_and_case() {
    for name in [
        format!("{ID_SCOPE}/registrations/d/api-version=2019-03-31"),
        format!("{ID_SCOPE}/registrations/D/clientversion=a%2Fb&API-Version=2021-06-01"),
        format!("{ID_SCOPE}/registrations/d/other=1&ClientVersion=x&api-version=2025-07-01-preview"),
    ] {
        assert_eq!(code(with_user_name(&name)).await, ConnectReturnCode::Success, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_name_of_another_form_is_a_bad_user_name() {
    let bad = ConnectReturnCode::BadUserNamePassword;
    assert_eq!(
        code(Connect {
            login: None,
            ..connect_packet("d")
        })
        .await,
        bad
    );
    for name in [
        "d".to_owned(),
        format!("{ID_SCOPE}/registrations/d"),
        format!("{ID_SCOPE}/devices/d/api-version=2019-03-31"),
        format!("{ID_SCOPE}/registrations/d/ClientVersion=x"),
        format!("{ID_SCOPE}/registrations/d/api-version="),
    ] {
        assert_eq!(code(with_user_name(&name)).await, bad, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_contradicts_itself_or_the_service_is_not_authorized() {
    let denied = ConnectReturnCode::NotAuthorized;
    let other_scope = "0neOTHER/registrations/d/api-version=2019-03-31";
    assert_eq!(code(with_user_name(other_scope)).await, denied, "the id scope");
    assert_eq!(code(with_user_name(&user_name("other"))).await, denied, "the client id");
    let password = Connect {
        login: Some(Login::new(user_name("d"), "secret")),
        ..connect_packet("d")
    };
    assert_eq!(code(password).await, denied, "a password");
    let will = LastWill::new("a", "b", QoS::AtMostOnce, false);
    assert_eq!(
        code(Connect {
            last_will: Some(will),
            ..connect_packet("d")
        })
        .await,
        denied,
        "a will"
    );
}

/// The Python SDK asks for one. There is none: CONNACK says so each time, and nothing is remembered.
#[tokio::test(start_paused = true)]
async fn a_persistent_session_is_new_each_time() {
    let emulator = in_memory();
    for attempt in ["first", "second"] {
        let bytes = [connect_bytes("MQTT", 4, 0x80), packet(0xE0, &[])].concat();
        let answered = exchange(plain(&emulator), &bytes).await;
        assert_eq!(answered, [0x20, 2, 0, 0], "the {attempt}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_is_in_no_log_not_on_the_page_and_in_no_answer_of_the_control_endpoint() {
    let mut file = tempfile::tempfile().expect("a file");
    let copy = file.try_clone().expect("a handle");
    let emulator = builder().log_file(copy).start_in_memory().expect("an emulator");
    let signed_with = |key: String| {
        let resource = format!("{ID_SCOPE}%2Fregistrations%2Fd");
        let policy = "registration".to_owned();
        Token {
            resource,
            policy,
            key,
            expires_in: 3600,
        }
        .sign()
    };
    let own_key = emulator.device_key("d").expect("a derived key");
    for (password, expected) in [
        (signed_with(own_key), ConnectReturnCode::Success),
        (signed_with("b3RoZXI=".to_owned()), ConnectReturnCode::NotAuthorized),
        ("hunter2".to_owned(), ConnectReturnCode::NotAuthorized),
    ] {
        let mut device = Device::over(plain(&emulator));
        let login = Some(Login::new(user_name("d"), &password));
        let connect = Connect {
            login,
            ..connect_packet("d")
        };
        assert_eq!(device.connect(connect).await, expected, "{password}");
    }
    let log = format!("{:?}", emulator.log());
    let page = look(&emulator, "GET", "/state.json", "localhost").await.body;
    let control = Call::new(&emulator, "GET", "/emulator/log").send(&emulator).await.body;
    stop(emulator).await;
    let mut written = String::new();
    file.rewind().expect("its beginning");
    file.read_to_string(&mut written).expect("text");
    for shown in [log, page, control, written] {
        let connects = shown.matches(&user_name("d")).count();
        assert_eq!(connects, 3, "{shown}");
        for part in ["SharedAccessSignature sr", "sig=", "hunter2"] {
            assert!(!shown.contains(part), "{part} in {shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_protocol_level_is_refused_as_such() {
    for (name, level, said) in [
        ("MQTT", 0, "level 0,"),
        ("MQIsdp", 3, "level 3 (MQTT 3.1),"),
        ("MQTT", 5, "level 5 (MQTT 5),"),
        ("MQTT", 255, "level 255,"),
    ] {
        let emulator = in_memory();
        let answered = exchange(plain(&emulator), &connect_bytes(name, level, 0x82)).await;
        assert_eq!(answered, [0x20, 2, 0, 1], "level {level}");
        let reasons = refusals(&emulator);
        assert!(reasons.len() == 1 && reasons[0].contains(said), "{reasons:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_connect_ends_the_connection_without_an_answer() {
    for (name, flags) in [
        ("MQIsdp", 0x82),
        ("mqtt", 0x82),
        ("", 0x82),
        ("MQTT", 0x83),
        ("MQTT", 0x8A),
    ] {
        let emulator = in_memory();
        let answered = exchange(plain(&emulator), &connect_bytes(name, 4, flags)).await;
        assert_eq!(answered, [0; 0], "{name} {flags:#x}");
    }
    // The same helper's CONNECT is taken when nothing is wrong with it.
    let emulator = in_memory();
    let mut device = Device::over(plain(&emulator));
    device.send_bytes(&connect_bytes("MQTT", 4, 0x82)).await;
    assert!(matches!(device.receive().await, Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success));
}

#[tokio::test(start_paused = true)]
async fn the_first_packet_must_be_connect() {
    let emulator = in_memory();
    let answered = exchange(plain(&emulator), &[0xC0, 0]).await;
    assert_eq!(answered, [0; 0]);
    assert_eq!(
        notes(&emulator, "refused"),
        ["the first packet is PINGREQ, not CONNECT"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_connect_ends_the_connection() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    device.send(Packet::Connect(connect_packet("d"))).await;
    device.is_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_sends_nothing_is_disconnected() {
    let emulator = in_memory();
    assert_eq!(exchange(plain(&emulator), &[]).await, [0; 0]);
    assert_eq!(notes(&emulator, "refused"), ["no CONNECT arrived within 10 s"]);
}

#[tokio::test(start_paused = true)]
async fn a_newer_connection_of_a_device_ends_the_older_and_no_other() {
    let emulator = in_memory();
    let mut bystander = Device::accepted(plain(&emulator), "bystander").await;
    let mut older = Device::accepted(plain(&emulator), "d").await;
    let mut newer = Device::ready(plain(&emulator), "D").await;
    older.is_closed().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(
        newer.register("d").await.status,
        202,
        "the older one's end does not touch it"
    );
    // Nor does it make the service forget the newer one.
    let _newest = Device::accepted(plain(&emulator), "d").await;
    newer.is_closed().await;
    bystander.ping().await;
}

#[tokio::test(start_paused = true)]
async fn operations_outlive_the_connection() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    let operation = device.register("d").await.body["operationId"].clone();
    device.send(Packet::Disconnect).await;
    let mut again = Device::ready(plain(&emulator), "d").await;
    let answer = again.query(operation.as_str().expect("an id")).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("assigned")));
}

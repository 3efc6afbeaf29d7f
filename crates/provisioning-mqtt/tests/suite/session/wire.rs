//! What goes over the wire, byte for byte.

use crate::support::{
    device::{Device, request},
    peer::Peer,
};

#[tokio::test(start_paused = true)]
async fn a_session_is_mqtt_3_1_1_byte_for_byte() {
    let device = Device::new();
    let register = device.register_with(request().with_payload(serde_json::Value::from(1)));
    let mut peer = device.peer().await;
    let agent = concat!("provisioning-device-rust%2F", env!("CARGO_PKG_VERSION"));
    let user_name = format!("0ne00A1B2C3/registrations/device-1/api-version=2019-03-31&ClientVersion={agent}");
    expect(
        &mut peer,
        0x10,
        // Level 4; a user name without a password, and a clean session; 180 s.
        &[&text("MQTT"), &[4, 0x82, 0, 180], &text("device-1"), &text(&user_name)],
    )
    .await;
    peer.send_bytes(&[0x20, 2, 0, 0]).await;

    let filter = text("$dps/registrations/res/#");
    expect(&mut peer, 0x82, &[&[0, 1], &filter, &[1]]).await;
    peer.send_bytes(&[0x90, 3, 0, 1, 1]).await;

    let register_prefix = "$dps/registrations/PUT/iotdps-register/?$rid=";
    let body = br#"{"registrationId":"device-1","payload":1}"#;
    let id = expect_request(&mut peer, 2, register_prefix, "", body).await;
    peer.send_bytes(&[0x40, 2, 0, 2]).await;
    let answer = br#"{"operationId":"4.op","status":"assigning"}"#;
    peer.send_bytes(&message(
        &format!("$dps/registrations/res/202/?$rid={id}&retry-after=3"),
        7,
        answer,
    ))
    .await;
    assert_eq!(peer.bytes(4).await, [0x40, 2, 0, 7]);
    register.success().await;

    let query = device.query("4.op");
    let query_prefix = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=";
    let id = expect_request(&mut peer, 3, query_prefix, "&operationId=4.op", b"").await;
    peer.send_bytes(&[0x40, 2, 0, 3]).await;
    peer.send_bytes(&message(&format!("$dps/registrations/res/200/?$rid={id}"), 8, answer))
        .await;
    assert_eq!(peer.bytes(4).await, [0x40, 2, 0, 8]);
    query.success().await;

    device.disconnect().await;
    expect(&mut peer, 0xa2, &[&[0, 4], &filter]).await;
    expect(&mut peer, 0xe0, &[]).await;
    peer.closed().await;
}

/// The next packet is this one.
async fn expect(peer: &mut Peer, first: u8, parts: &[&[u8]]) {
    let rest = parts.concat();
    let expected = [&[first], length(&rest).as_slice(), &rest].concat();
    assert_eq!(peer.bytes(expected.len()).await, expected);
}

/// The next packet is a QoS 1 message on a topic with a request id of 32 hexadecimal digits, which is returned.
async fn expect_request(peer: &mut Peer, packet_id: u8, prefix: &str, suffix: &str, body: &[u8]) -> String {
    let header = [
        text(&format!("{prefix}{}{suffix}", "0".repeat(32))).as_slice(),
        &[0, packet_id],
        body,
    ]
    .concat();
    let start = 1 + length(&header).len() + 2 + prefix.len();
    let bytes = peer.bytes(1 + length(&header).len() + header.len()).await;
    let id = std::str::from_utf8(&bytes[start..start + 32])
        .expect("ASCII")
        .to_owned();
    let rest = [text(&format!("{prefix}{id}{suffix}")).as_slice(), &[0, packet_id], body].concat();
    assert_eq!(bytes, [&[0x32], length(&rest).as_slice(), &rest].concat());
    id
}

fn message(topic: &str, packet_id: u8, body: &[u8]) -> Vec<u8> {
    let rest = [text(topic).as_slice(), &[0, packet_id], body].concat();
    [&[0x32], length(&rest).as_slice(), &rest].concat()
}

/// A text with its length, as MQTT writes it.
fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// MQTT's remaining length, below 16,384.
fn length(rest: &[u8]) -> Vec<u8> {
    let (high, low) = (rest.len() / 128, rest.len() % 128);
    let byte = |value: usize| u8::try_from(value).expect("short");
    if high == 0 {
        vec![byte(low)]
    } else {
        vec![byte(low) | 0x80, byte(high)]
    }
}

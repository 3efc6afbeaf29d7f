//! What a connection may do before its CONNECT is accepted: little, over MQTT and over a WebSocket.

use std::time::Duration;

use provisioning_emulator::{Emulator, Link, Port, Security};
use rumqttc::{Connect, ConnectReturnCode, Login, Packet, Publish, QoS};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use crate::{
    support::{
        Device, builder, connect_bytes, connect_packet, http, in_memory, notes, plain, register_topic, user_name,
    },
    websocket::{connected, receive, send},
};

/// A link to the WebSocket port, after the upgrade.
async fn upgraded(emulator: &Emulator) -> Link {
    let mut link = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
    let request = http::upgrade("/$iothub/websocket", "mqtt");
    link.write_all(request.as_bytes()).await.expect("sent");
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(link.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    link
}

/// A frame of a client with this first byte and a payload of this length, of which `payload` arrives.
fn frame(first: u8, length: u64, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x0f, 0xf0, 0x55, 0x01];
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | u8::try_from(length).expect("short")),
        126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).expect("short").to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The next frame of the emulator: its first byte and its payload, which is short.
async fn next_frame(link: &mut Link) -> (u8, Vec<u8>) {
    let reading = async {
        let first = link.read_u8().await.expect("a frame");
        let mut payload = vec![0; link.read_u8().await.expect("a length").into()];
        link.read_exact(&mut payload).await.expect("a payload");
        (first, payload)
    };
    timeout(Duration::from_secs(5), reading).await.expect("in time")
}

#[tokio::test(start_paused = true)]
async fn a_connect_larger_than_8_kib_is_refused_by_its_fixed_header() {
    let emulator = in_memory();
    // The remaining length is 8193.
    let header = [0x10, 0x81, 0x40];
    let start = Instant::now();
    let mut device = plain(&emulator);
    device.write_all(&header).await.expect("sent");
    assert_eq!(device.read_to_end(&mut vec![]).await.expect("an end"), 0);
    let mut socket = upgraded(&emulator).await;
    socket.write_all(&frame(0x82, 8196, &header)).await.expect("sent");
    assert_eq!(next_frame(&mut socket).await, (0x88, vec![]));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let reason = "CONNECT is too long: 8193 bytes, of which 8192 may follow the fixed header";
    assert_eq!(notes(&emulator, "refused"), [reason; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_connect_of_8_kib_is_read_and_afterwards_a_packet_may_be_larger() {
    let emulator = builder()
        .max_packet_size(100_000)
        .start_in_memory()
        .expect("an emulator");
    let mut long = Device::over(plain(&emulator));
    let name = format!("{}&padding={}", user_name("d"), "x".repeat(8000));
    let connect = Connect {
        login: Some(Login::new(name, "")),
        ..connect_packet("d")
    };
    assert_eq!(long.connect(connect).await, ConnectReturnCode::Success);
    long.subscribe().await;
    let body = format!(r#"{{"registrationId":"d","payload":"{}"}}"#, "x".repeat(90_000));
    assert_eq!(long.request(&register_topic("r"), &body).await.status, 202);
    long.send_bytes(&[0x32, 0xa1, 0x8d, 0x06]).await;
    long.is_closed().await;
    let reason = "PUBLISH is too long: 100001 bytes, of which 100000 may follow the fixed header";
    assert_eq!(notes(&emulator, "refused"), [reason]);
}

#[tokio::test(start_paused = true)]
async fn a_connect_in_a_frame_that_is_not_complete_is_answered() {
    let emulator = in_memory();
    let mut socket = upgraded(&emulator).await;
    let connect = connect_bytes("MQTT", 4, 0x82);
    socket.write_all(&frame(0x82, 200_000, &connect)).await.expect("sent");
    assert_eq!(next_frame(&mut socket).await, (0x82, vec![0x20, 2, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_large_packet_is_taken_over_a_websocket_in_one_message() {
    let emulator = in_memory();
    let mut socket = connected(&emulator).await;
    let body = format!(r#"{{"registrationId":"d","payload":"{}"}}"#, "x".repeat(200_000));
    let mut publish = Publish::new(register_topic("r"), QoS::AtLeastOnce, body);
    publish.pkid = 7;
    let mut bytes = bytes::BytesMut::new();
    Packet::Publish(publish)
        .write(&mut bytes, usize::MAX)
        .expect("a packet");
    send(&mut socket, bytes.to_vec()).await;
    assert_eq!(receive(&mut socket).await[..], [0x40, 2, 0, 7]);
    assert_eq!(emulator.registrations().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn frames_may_arrive_byte_by_byte_fragmented_and_with_pings_between() {
    let emulator = in_memory();
    let mut socket = upgraded(&emulator).await;
    let connect = connect_bytes("MQTT", 4, 0x82);
    let (head, tail) = connect.split_at(5);
    let frames = [
        frame(0x02, 5, head),
        frame(0x89, 3, b"abc"),
        frame(0x00, 0, b""),
        frame(0x8a, 2, b"un"),
        frame(0x80, tail.len() as u64, tail),
    ];
    for byte in frames.concat() {
        socket.write_all(&[byte]).await.expect("sent");
        tokio::task::yield_now().await;
    }
    assert_eq!(next_frame(&mut socket).await, (0x8a, b"abc".to_vec()));
    assert_eq!(next_frame(&mut socket).await, (0x82, vec![0x20, 2, 0, 0]));
    let close = frame(0x88, 6, &[0x03, 0xe9, b'g', b'o', b'n', b'e']);
    socket.write_all(&close).await.expect("sent");
    assert_eq!(next_frame(&mut socket).await, (0x88, vec![0x03, 0xe9]));
    assert_eq!(socket.read_to_end(&mut vec![]).await.expect("an end"), 0);
    assert_eq!(notes(&emulator, "close"), ["the device is gone without DISCONNECT"]);
}

#[tokio::test(start_paused = true)]
async fn frames_that_break_the_protocol_end_the_connection() {
    for (bytes, reason) in [
        (frame(0x81, 1, b"a"), "a text message"),
        (frame(0xc2, 1, b"a"), "a frame with reserved bits"),
        (frame(0x83, 1, b"a"), "a frame with an unknown opcode"),
        (frame(0x80, 1, b"a"), "a continuation of no message"),
        (
            [frame(0x02, 1, b"\x10"), frame(0x82, 1, b"a")].concat(),
            "a message within another",
        ),
        (frame(0x89, 126, &[]), "a control frame that is too long or fragmented"),
        (frame(0x09, 1, b"a"), "a control frame that is too long or fragmented"),
        (vec![0x82, 1, b'a'], "a frame without a mask"),
    ] {
        let emulator = in_memory();
        let mut socket = upgraded(&emulator).await;
        socket.write_all(&bytes).await.expect("sent");
        assert_eq!(next_frame(&mut socket).await, (0x88, vec![]), "{reason}");
        assert_eq!(
            notes(&emulator, "refused"),
            [format!("the WebSocket is broken: {reason}")]
        );
    }
}

//! Whatever bytes come, the process goes on: thousands of broken conversations, and then a device registers.

use std::{iter, sync::Arc, time::Duration};

use fastrand::Rng;
use futures_util::future::join_all;
use provisioning_emulator::{Direction, Link, LogEntry, LogKind, Port, Security};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use crate::support::{
    ANSWERS, Device, builder, connect_bytes, http, in_memory, notes, packet, plain, register_topic, text, tls,
};

const PORTS: [Port; 2] = [Port::Mqtt, Port::WebSocket];

/// An upgrade as a device asks for it.
fn upgrade() -> Vec<u8> {
    http::upgrade("/$iothub/websocket", "mqtt").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_broken_conversations_do_not_keep_a_device_from_registering() {
    let emulator = in_memory();
    let mut rng = Rng::with_seed(0x00D1_5EA5);
    let mut answered = 0;
    for _ in 0..5_000 {
        for port in PORTS {
            let conversation = broken(&mut rng, port);
            let link = emulator.connect(port, Security::Plain, 64 * 1024);
            say(link, &conversation).await;
        }
        assert_eq!(notes(&emulator, "open").len(), notes(&emulator, "close").len());
        assert_eq!(notes(&emulator, "panic"), [""; 0]);
        let is_answer = |entry: &Arc<LogEntry>| (entry.direction, entry.kind) == (Direction::Out, LogKind::Publish);
        answered += emulator.log().into_iter().filter(is_answer).count();
        emulator.clear_log();
    }
    assert!(answered > 500, "many come as far as a request: {answered}");
    let mut device = Device::ready(plain(&emulator), "device").await;
    let first = device.register("device").await;
    let id = first.body["operationId"].as_str().expect("an id");
    assert_eq!(device.query(id).await.body["status"], "assigned");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_broken_handshakes_do_not_keep_a_device_from_connecting() {
    let emulator = in_memory();
    let identity = emulator.issue_device("device").expect("an identity");
    let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
    let hello = client_hello(&connector).await;
    let mut rng = Rng::with_seed(0x7154);
    for _ in 0..1_000 {
        let broken = mutated(&mut rng, hello.clone());
        say(emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024), &broken).await;
    }
    assert_eq!(notes(&emulator, "open"), [""; 0], "none of them passes for a device");
    let ended = notes(&emulator, "tls").len() + notes(&emulator, "ignored").len();
    assert_eq!(ended, 1_000);
    let link = emulator.connect(Port::Mqtt, Security::Tls, 64 * 1024);
    let stream = tls::connect(&connector, "localhost", link).await.expect("TLS");
    Device::accepted(stream, "device").await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_sends_single_bytes_times_out() {
    let conversations = [
        (Port::Mqtt, Security::Plain, connect_bytes("MQTT", 4, 0x82)),
        (Port::Mqtt, Security::Tls, vec![0x16, 3, 1, 2, 0, 1]),
        (Port::WebSocket, Security::Plain, upgrade()),
    ];
    for (port, security, bytes) in conversations {
        let emulator = in_memory();
        let mut link = emulator.connect(port, security, 1024);
        let mut sent = 0;
        for byte in bytes.into_iter().chain(iter::repeat(0)) {
            if link.write_all(&[byte]).await.is_err() {
                break;
            }
            sent += 1;
            sleep(Duration::from_secs(5)).await;
        }
        assert!(sent < 5, "{port:?}, {security:?}: dropped after {sent} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_devices_register_at_once() {
    let emulator = builder().max_connections(200).start_in_memory().expect("an emulator");
    let devices = (0..200).map(async |number| {
        let id = format!("device-{number}");
        let identity = emulator.issue_device(&id).expect("an identity");
        let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
        let link = emulator.connect(Port::Mqtt, Security::Tls, 4096);
        let stream = tls::connect(&connector, "localhost", link).await.expect("TLS");
        let mut device = Device::ready(stream, &id).await;
        let first = device.register(&id).await;
        let last = device.query(first.body["operationId"].as_str().expect("an id")).await;
        assert_eq!(last.body["registrationState"]["deviceId"], id);
        // It stays until all are done.
        device
    });
    let connected = join_all(devices).await;
    let error = plain(&emulator).read_u8().await.expect_err("one too many");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(
        notes(&emulator, "refused"),
        ["there are 200 connections already, as many as there may be"]
    );
    drop(connected);
    sleep(Duration::from_secs(1)).await;
    Device::accepted(plain(&emulator), "late").await;
}

/// Sends what the emulator takes of it, and reads until the end.
async fn say(mut link: Link, bytes: &[u8]) {
    let conversation = async {
        // The emulator need not take all of it.
        let _ = link.write_all(bytes).await;
        let _ = link.shutdown().await;
        let mut answered = vec![];
        link.read_to_end(&mut answered).await.expect("an orderly end");
    };
    timeout(Duration::from_secs(60), conversation).await.expect("an end");
}

/// A conversation that is wrong somewhere, most of the time.
fn broken(rng: &mut Rng, port: Port) -> Vec<u8> {
    if rng.u8(..10) == 0 {
        return noise(rng);
    }
    let packets = conversation(rng);
    match port {
        Port::Mqtt => mutated(rng, packets.concat()),
        _ => {
            let frames: Vec<u8> = packets.iter().flat_map(|packet| frame(rng, packet)).collect();
            match rng.bool() {
                // The mutation in the frames, or in the upgrade too.
                true => [upgrade(), mutated(rng, frames)].concat(),
                false => mutated(rng, [upgrade(), frames].concat()),
            }
        }
    }
}

/// CONNECT, SUBSCRIBE, PUBLISH and the rest, in some order that mostly makes sense.
fn conversation(rng: &mut Rng) -> Vec<Vec<u8>> {
    let body = br#"{"registrationId":"d"}"#;
    let others = [
        packet(0x82, &[&[0, 1], &text(ANSWERS)[..], &[1]].concat()),
        packet(0x32, &[&text(&register_topic("1"))[..], &[0, 2], body].concat()),
        packet(0x40, &[0, 1]),
        packet(0xA2, &[&[0, 3], &text(ANSWERS)[..]].concat()),
        packet(0xC0, &[]),
        packet(0xE0, &[]),
    ];
    let mut packets = vec![connect_bytes("MQTT", 4, 0x82)];
    if rng.u8(..4) == 0 {
        packets.clear();
    }
    packets.extend(others);
    if rng.u8(..4) == 0 {
        rng.shuffle(&mut packets);
    }
    packets
}

/// A masked binary frame.
fn frame(rng: &mut Rng, payload: &[u8]) -> Vec<u8> {
    let mask = [rng.u8(..), rng.u8(..), rng.u8(..), rng.u8(..)];
    let length = u8::try_from(payload.len()).expect("small packets");
    let head = match length {
        0..=125 => vec![0x82, 0x80 | length],
        _ => vec![0x82, 0x80 | 126, 0, length],
    };
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    head.into_iter().chain(mask).chain(masked).collect()
}

fn noise(rng: &mut Rng) -> Vec<u8> {
    let length = rng.usize(..400);
    iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// Changed, cut, repeated or extended in one or two places.
fn mutated(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.u8(1..=2) {
        let place = rng.usize(..bytes.len().max(1));
        match rng.u8(..6) {
            _ if bytes.is_empty() => bytes = noise(rng),
            0 => bytes[place] = rng.u8(..),
            1 => bytes[place] ^= 1 << rng.u8(..8),
            2 => bytes.truncate(place),
            3 => drop(bytes.remove(place)),
            4 => {
                let again = bytes[place..].to_vec();
                bytes.extend(again);
            }
            _ => drop(bytes.splice(place..place, noise(rng))),
        }
    }
    bytes
}

/// What a device sends first.
async fn client_hello(connector: &tokio_rustls::TlsConnector) -> Vec<u8> {
    let (device, mut service) = tokio::io::duplex(64 * 1024);
    let mut hello = vec![0; 64 * 1024];
    let length = tokio::select! {
        _ = tls::connect(connector, "localhost", device) => panic!("nobody answers"),
        length = service.read(&mut hello) => length.expect("a hello"),
    };
    hello.truncate(length);
    hello
}

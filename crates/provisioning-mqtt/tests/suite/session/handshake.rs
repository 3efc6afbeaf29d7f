//! CONNECT and SUBSCRIBE, and what the service may say to them.

use std::sync::{Arc, Mutex};

use provisioning_types::{
    ConnectionEvent, ErrorKind, Phase, PollingTransport, Progress, Request, TransportError, error_message,
};
use test_support::settle;

use crate::support::{
    bodies::ASSIGNING,
    device::{Device, request},
};

#[tokio::test(start_paused = true)]
async fn each_refusing_connack_has_its_kind_and_closes_the_connection() {
    for (code, kind) in [
        (1, ErrorKind::Refused),
        (2, ErrorKind::Refused),
        (3, ErrorKind::Service),
        (4, ErrorKind::Unauthorized),
        (5, ErrorKind::Unauthorized),
        (6, ErrorKind::Refused),
        (255, ErrorKind::Refused),
    ] {
        let error = answer_to_connect(&[0x20, 2, 0, code]).await;
        assert_eq!(error.kind(), kind, "{code}");
        assert!(error.to_string().contains(&format!("CONNACK {code}")), "{error}");
        assert_eq!(error.connack(), Some(code), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_connack_is_an_unexpected_response_to_connect() {
    let no_connacks: [&[u8]; 9] = [
        &[0x20, 0],
        &[0x20, 1, 0],
        &[0x20, 3, 0, 0, 0],
        &[0x21, 2, 0, 0],
        &[0x90, 3, 0, 1, 1],
        &[0x30, 3, 0, 1, b'a'],
        &[0xd0, 0],
        &[0xe0, 0],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ];
    for bytes in no_connacks {
        let error = answer_to_connect(bytes).await;
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{bytes:x?}");
    }
}

/// How the request fails, and the connection ends, when the service answers CONNECT with these bytes.
async fn answer_to_connect(bytes: &[u8]) -> TransportError {
    let device = Device::new();
    let register = device.register();
    let mut peer = device.peer().await;
    peer.packet().await;
    peer.send_bytes(bytes).await;
    let error = register.error().await;
    assert_eq!(error.phase(), Some(Phase::Connect));
    peer.closed().await;
    error
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_before_connack_is_lost() {
    let device = Device::new();
    let register = device.register();
    let mut peer = device.peer().await;
    peer.packet().await;
    drop(peer);
    let error = register.error().await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(Phase::Connect)));
    let words = "the connection ended after CONNECT: services end it like this when they refuse the credential";
    assert_eq!(error_message(&error), words);
    // The proof's own hint, as for a refusal.
    assert!(
        error.hint().starts_with("look at the certificate; then the network"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_connect_in_another_protocol_is_named() {
    let page = "HTTP/1.1 403 Forbidden\r\nServer: proxy\r\n\r\n<html><title>Access denied</title>";
    for (bytes, expected) in [
        (
            page.as_bytes(),
            "the peer answers HTTP: 403 \"Access denied\" (server \"proxy\")",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x46", "the peer answers TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the peer answers \"SSH-2.0-OpenSSH_9.2\""),
    ] {
        let error = answer_to_connect(bytes).await;
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        assert_eq!(error_message(&error), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_granted_with_any_qos() {
    for qos in [0, 1, 2] {
        let device = Device::new();
        let register = device.register();
        let mut peer = device.peer().await;
        peer.accept().await;
        let subscribe = peer.subscription().await;
        peer.send_bytes(&suback(subscribe.pkid, &[qos])).await;
        let request = peer.request().await;
        peer.answer(&request, "202", ASSIGNING).await;
        register.success().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_is_refused_and_left_with_disconnect() {
    let device = Device::new();
    let register = device.register();
    let mut peer = device.peer().await;
    peer.accept().await;
    let subscribe = peer.subscription().await;
    peer.send_bytes(&suback(subscribe.pkid, &[0x80])).await;
    let error = register.error().await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Refused, Some(Phase::Subscribe))
    );
    peer.disconnected().await;
}

#[tokio::test(start_paused = true)]
async fn a_suback_that_is_none_is_an_unexpected_response() {
    for codes in [&[][..], &[3], &[0x81], &[1, 1], &[0x80, 1]] {
        let device = Device::new();
        let register = device.register();
        let mut peer = device.peer().await;
        peer.accept().await;
        let subscribe = peer.subscription().await;
        peer.send_bytes(&suback(subscribe.pkid, codes)).await;
        let error = register.error().await;
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{codes:x?}");
        assert_eq!(error.phase(), Some(Phase::Subscribe));
        peer.closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_suback_for_another_packet_is_not_the_one_that_is_awaited() {
    let device = Device::new();
    let register = device.register();
    let mut peer = device.peer().await;
    peer.accept().await;
    let subscribe = peer.subscription().await;
    peer.send_bytes(&suback(subscribe.pkid + 1, &[1])).await;
    settle().await;
    assert!(!register.is_finished());
    // Nothing is asked before the subscription stands: the request is the next packet only after it.
    peer.send_bytes(&suback(subscribe.pkid, &[1])).await;
    peer.request().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_the_connection_instead_of_a_suback_is_heard() {
    let device = Device::new();
    let register = device.register();
    let mut peer = device.peer().await;
    peer.accept().await;
    peer.subscription().await;
    drop(peer);
    let error = register.error().await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(Phase::Subscribe)));
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_when_a_connection_is_made_and_only_then() {
    let device = Device::new();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let steps = Arc::clone(&steps);
        move |event| match event {
            ConnectionEvent::WaitingFor(_) => {}
            event => steps.lock().expect("no panic").push(event),
        }
    };
    let told = || steps.lock().expect("no panic").clone();
    let (transport, request) = (Arc::clone(&device.transport), request());
    let asking = tokio::spawn(async move {
        for _ in 0..2 {
            let asking = transport.send(&request, &Request::Register, Progress::new(&listener));
            asking.await.expect("an answer");
        }
    });
    let mut peer = device.peer().await;
    let connecting = ConnectionEvent::Connecting {
        uri: "mqtts://service.test".to_owned(),
    };
    assert_eq!(told(), std::slice::from_ref(&connecting));
    peer.welcome().await;
    for _ in 0..2 {
        let request = peer.request().await;
        assert_eq!(told(), [connecting.clone(), ConnectionEvent::Connected]);
        peer.answer(&request, "202", ASSIGNING).await;
    }
    asking.await.expect("no panic");
    assert_eq!(told().len(), 2);
}

fn suback(packet_id: u16, codes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(2 + codes.len()).expect("short");
    [&[0x90, length], packet_id.to_be_bytes().as_slice(), codes].concat()
}

//! Frames one by one: headers that are refused before their payload arrives, lengths, masks, and the answers to pings
//! and Close frames.

use std::{collections::HashSet, io, time::Duration};

use provisioning_websocket::Handshake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, close, frame, open, open_default, soon, write_on_another_task,
};

#[tokio::test(start_paused = true)]
async fn a_frame_that_breaks_rfc_6455_is_refused_by_its_header() {
    let unfinished = frame(BINARY, "x");
    for (before, header, what) in [
        (&[][..], [FIN | BINARY | 0x10, 1], "Reserved bits"),
        (&[], [PING, 1], "Fragmented control frame"),
        (&[], [FIN | CONTINUATION, 1], "nothing to continue"),
        (&unfinished, [FIN | BINARY, 1], "waiting for more fragments"),
    ] {
        let (mut websocket, mut peer) = open_default().await;
        peer.send(before).await;
        peer.send(header).await;
        let error = soon(websocket.read_u8()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{what}: {error:?}");
        assert!(error.to_string().contains(what), "{error} does not say {what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_length_may_take_more_bytes_than_it_needs() {
    let (mut websocket, mut peer) = open_default().await;
    peer.send([FIN | BINARY, 126, 0, 1, b'a']).await;
    peer.send([FIN | BINARY, 127, 0, 0, 0, 0, 0, 0, 0, 1, b'b']).await;
    let mut received = [0; 2];
    soon(websocket.read_exact(&mut received)).await.unwrap();
    assert_eq!(&received, b"ab");
}

#[tokio::test(start_paused = true)]
async fn memory_is_taken_for_what_arrives_and_not_for_the_length_that_a_header_announces() {
    let unlimited = Handshake::new("h", "/").with_max_message_size(usize::MAX);
    let (mut websocket, mut peer) = open(4096, unlimited).await;
    peer.send([FIN | BINARY, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
        .await;
    peer.send("the beginning").await;
    drop(peer);
    let error = soon(websocket.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn every_frame_has_a_mask_of_its_own() {
    const FRAMES: usize = 16;
    let (mut websocket, mut peer) = open_default().await;
    let mut masks = HashSet::new();
    for _ in 0..FRAMES {
        websocket.write_all(&[0; 4]).await.unwrap();
        websocket.flush().await.unwrap();
        let mut frame = [0; 10];
        soon(peer.0.read_exact(&mut frame)).await.unwrap();
        assert_eq!((frame[0], frame[1]), (FIN | BINARY, 0x80 | 4));
        assert_eq!(frame[2..6], frame[6..], "zeros show the mask");
        masks.insert(frame[2..6].to_vec());
    }
    assert_eq!(masks.len(), FRAMES);
}

#[tokio::test(start_paused = true)]
async fn a_ping_does_not_strand_a_writer_that_waits_on_another_task() {
    let (websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    let (mut reader, writing) = write_on_another_task(websocket).await;
    let reading = tokio::spawn(async move { reader.read_u8().await });
    peer.send(frame(FIN | PING, "now?")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(soon(peer.read_frame()).await, (FIN | BINARY, vec![1; 1000]));
    assert_eq!(soon(peer.read_frame()).await, (FIN | PONG, b"now?".to_vec()));
    soon(writing).await.unwrap().unwrap();
    assert!(!reading.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_answer_keeps_the_answer_to_the_latest_ping() {
    let (mut websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    websocket.write_all(&[1; 300]).await.unwrap();
    let reader = tokio::spawn(async move { websocket.read_u8().await });
    for ping in ["first", "second", "last"] {
        peer.send(frame(FIN | PING, ping)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(soon(peer.read_frame()).await, (FIN | BINARY, vec![1; 300]));
    assert_eq!(soon(peer.read_frame()).await, (FIN | PONG, b"last".to_vec()));
    peer.send(frame(FIN | BINARY, "x")).await;
    assert_eq!(soon(reader).await.unwrap().unwrap(), b'x');
    assert_eq!(soon(peer.read_rest()).await, b"");
}

#[tokio::test(start_paused = true)]
async fn after_close_no_ping_is_answered() {
    let (mut websocket, mut peer) = open_default().await;
    websocket.shutdown().await.unwrap();
    peer.send([frame(FIN | PING, "still there?"), close(1000, "")].concat())
        .await;
    assert_eq!(soon(websocket.read(&mut [0])).await.unwrap(), 0);
    assert_eq!(soon(peer.read_frame()).await, (FIN | CLOSE, vec![]));
    assert_eq!(soon(peer.read_rest()).await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_close_whose_code_may_not_be_sent_is_answered_as_a_violation_and_reported_as_it_came() {
    for code in [0, 999, 1005, 1006, 1015, 2999, 5000] {
        let (mut websocket, mut peer) = open_default().await;
        peer.send(close(code, "why")).await;
        let error = soon(websocket.read_u8()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted, "{code}: {error:?}");
        let reported = format!("the server closed the WebSocket with code {code}: why");
        assert_eq!(error.to_string(), reported);
        let answer = [&1002_u16.to_be_bytes()[..], b"Protocol violation"].concat();
        assert_eq!(soon(peer.read_frame()).await, (FIN | CLOSE, answer), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_is_not_utf_8_is_invalid_data() {
    let (mut websocket, mut peer) = open_default().await;
    peer.send(frame(FIN | CLOSE, [0x03, 0xE8, 0xFF])).await;
    let error = soon(websocket.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error:?}");
    assert!(error.to_string().contains("UTF-8"), "{error}");
}

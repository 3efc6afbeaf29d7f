//! Reading: what arrives in frames, and the ends that it can come to.

use std::{error::Error, io, time::Duration};

use provisioning_websocket::{Handshake, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{
    BINARY, CLOSE, CONTINUATION, EndsBadly, FIN, PING, PONG, TEXT, close, frame, has_cause, open, open_default, pair,
    soon, write_on_another_task,
};

/// Reads everything that the frames hold, up to the end that they lead to.
async fn read_all(frames: &[u8]) -> (Vec<u8>, io::Result<()>) {
    read_all_as(Handshake::new("h", "/"), frames).await
}

async fn read_all_as(handshake: Handshake, frames: &[u8]) -> (Vec<u8>, io::Result<()>) {
    let (mut websocket, mut peer) = open(65536, handshake).await;
    peer.send(frames).await;
    drop(peer);
    let mut received = Vec::new();
    let end = soon(websocket.read_to_end(&mut received)).await;
    (received, end.map(drop))
}

#[tokio::test(start_paused = true)]
async fn bytes_are_concatenated_however_they_are_cut_into_frames_and_messages() {
    let frames = [
        frame(FIN | BINARY, "several packets in one; "),
        frame(BINARY, "one packet "),
        frame(CONTINUATION, "in three "),
        frame(FIN | CONTINUATION, "frames "),
        frame(FIN | BINARY, "and two "),
        frame(FIN | BINARY, "messages"),
        close(1000, ""),
    ];
    let (received, end) = read_all(&frames.concat()).await;
    end.unwrap();
    assert_eq!(
        received,
        b"several packets in one; one packet in three frames and two messages"
    );
}

#[tokio::test(start_paused = true)]
async fn frames_may_come_byte_by_byte() {
    let (mut websocket, mut peer) = open_default().await;
    let sending = async {
        for byte in [
            frame(FIN | BINARY, [7; 200]),
            frame(FIN | BINARY, "end"),
            close(1000, ""),
        ]
        .concat()
        {
            peer.send([byte]).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let mut received = Vec::new();
    let (end, ()) = soon(async { tokio::join!(websocket.read_to_end(&mut received), sending) }).await;
    end.unwrap();
    assert_eq!(received, [&[7; 200][..], b"end"].concat());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_read_in_pieces_as_small_as_the_reader_likes() {
    let (mut websocket, mut peer) = open_default().await;
    peer.send(frame(FIN | BINARY, "abcde")).await;
    let mut two = [0; 2];
    let mut lengths = Vec::new();
    for _ in 0..3 {
        lengths.push(soon(websocket.read(&mut two)).await.unwrap());
    }
    assert_eq!(lengths, [2, 2, 1]);
    assert_eq!(two[0], b'e');
    assert_eq!(
        soon(websocket.read(&mut [])).await.unwrap(),
        0,
        "no room is no reason to wait"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_frame_is_no_end_of_stream() {
    let (mut websocket, mut peer) = open_default().await;
    peer.send(
        [
            frame(FIN | BINARY, ""),
            frame(BINARY, ""),
            frame(FIN | CONTINUATION, ""),
        ]
        .concat(),
    )
    .await;
    peer.send(frame(FIN | BINARY, "x")).await;
    assert_eq!(soon(websocket.read_u8()).await.unwrap(), b'x');
}

#[tokio::test(start_paused = true)]
async fn a_dropped_read_loses_nothing() {
    let (mut websocket, mut peer) = open_default().await;
    let message = frame(FIN | BINARY, "abc");
    peer.send(&message[..3]).await;
    let cut_short = tokio::time::timeout(Duration::from_secs(1), websocket.read_u8()).await;
    assert!(cut_short.is_err(), "the frame is incomplete");
    peer.send(&message[3..]).await;
    let mut received = [0; 3];
    soon(websocket.read_exact(&mut received)).await.unwrap();
    assert_eq!(&received, b"abc");
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_while_the_user_only_reads() {
    let (mut websocket, mut peer) = open_default().await;
    let reader = tokio::spawn(async move { websocket.read_u8().await });
    peer.send(frame(FIN | PING, "are you there?")).await;
    assert_eq!(soon(peer.read_frame()).await, (FIN | PONG, b"are you there?".to_vec()));
    peer.send(frame(FIN | BINARY, "x")).await;
    assert_eq!(soon(reader).await.unwrap().unwrap(), b'x');
}

#[tokio::test(start_paused = true)]
async fn what_arrived_behind_a_ping_is_read_although_the_pong_cannot_be_sent() {
    let (mut websocket, mut peer) = open_default().await;
    peer.send([frame(FIN | PING, "?"), frame(FIN | BINARY, "x")].concat())
        .await;
    drop(peer);
    assert_eq!(soon(websocket.read_u8()).await.unwrap(), b'x');
    soon(websocket.read_u8()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_pong_goes_out_as_soon_as_a_full_stream_takes_it() {
    let (mut websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    // Fills what the stream below holds, so that the pong has to wait.
    websocket.write_all(&[1; 300]).await.unwrap();
    let reader = tokio::spawn(async move { websocket.read_u8().await });
    peer.send(frame(FIN | PING, "now?")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(soon(peer.read_frame()).await, (FIN | BINARY, vec![1; 300]));
    assert_eq!(soon(peer.read_frame()).await, (FIN | PONG, b"now?".to_vec()));
    assert!(!reader.is_finished());
}

#[tokio::test(start_paused = true)]
async fn pings_and_pongs_between_fragments_are_no_data() {
    let frames = [
        frame(FIN | PONG, "unasked"),
        frame(BINARY, "a"),
        frame(FIN | PING, "in between"),
        frame(FIN | PONG, ""),
        frame(FIN | CONTINUATION, "b"),
        frame(FIN | CLOSE, ""),
    ];
    let (mut websocket, mut peer) = open_default().await;
    peer.send(frames.concat()).await;
    let mut received = Vec::new();
    soon(websocket.read_to_end(&mut received)).await.unwrap();
    assert_eq!(received, b"ab");
    assert_eq!(soon(peer.read_frame()).await, (FIN | PONG, b"in between".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn pings_without_end_do_not_fill_the_memory_of_a_client_that_cannot_answer() {
    let (mut websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    let reader = tokio::spawn(async move {
        let byte = websocket.read_u8().await;
        websocket.flush().await.and(byte)
    });
    const PINGS: usize = 5000;
    for _ in 0..PINGS {
        soon(peer.send(frame(FIN | PING, [0; 125]))).await;
    }
    peer.send(frame(FIN | BINARY, "x")).await;
    let pongs = soon(peer.read_rest()).await.len() / 131;
    assert_eq!(soon(reader).await.unwrap().unwrap(), b'x');
    assert!(pongs > 0 && pongs < PINGS / 2, "{pongs} pongs were kept");
}

#[tokio::test(start_paused = true)]
async fn what_rfc_6455_or_this_use_of_it_forbids_is_invalid_data_that_says_what_arrived() {
    let masked = [FIN | BINARY, 0x81, 1, 2, 3, 4, 5];
    for (bad, what) in [
        (
            frame(FIN | TEXT, "hello\n{}"),
            "a text message where only binary ones belong: hello {}",
        ),
        (
            [frame(TEXT, "hel"), frame(FIN | CONTINUATION, "lo")].concat(),
            "text message",
        ),
        (frame(FIN | TEXT, [0xFF]), "UTF-8"),
        (frame(FIN | BINARY | 0x40, "x"), "Reserved bits"),
        (masked.to_vec(), "masked frame"),
        (frame(FIN | 0x3, "x"), "invalid opcode: 3"),
        (frame(FIN | 0xB, "x"), "invalid opcode: 11"),
        (frame(FIN | CONTINUATION, "x"), "nothing to continue"),
        (
            [frame(BINARY, "x"), frame(FIN | BINARY, "y")].concat(),
            "waiting for more fragments",
        ),
        (frame(PING, "x"), "Fragmented control frame"),
        (frame(FIN | PING, [0; 126]), "Control frame too big"),
        (frame(FIN | CLOSE, [3]), "Invalid close"),
    ] {
        let (received, end) =
            read_all(&[frame(FIN | BINARY, "before"), bad, frame(FIN | BINARY, "after")].concat()).await;
        let error = end.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{what}: {error:?}");
        assert!(error.to_string().contains(what), "{error} does not say {what}");
        assert_eq!(received, b"before", "what came before it is good: {what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_invalid_data_even_before_it_has_arrived() {
    let limited = Handshake::new("h", "/").with_max_message_size(1000);
    let (received, end) = read_all_as(limited.clone(), &frame(FIN | BINARY, [1; 1000])).await;
    assert_eq!(
        (received.len(), end.unwrap_err().kind()),
        (1000, io::ErrorKind::UnexpectedEof),
        "the limit is allowed"
    );

    let only_a_header = &frame(FIN | BINARY, [1; 1001])[..4];
    let in_fragments = [frame(BINARY, [1; 600]), frame(FIN | CONTINUATION, [1; 401])].concat();
    for too_long in [only_a_header, &in_fragments] {
        let (received, end) = read_all_as(limited.clone(), too_long).await;
        let error = end.unwrap_err();
        assert_eq!((received.len(), error.kind()), (0, io::ErrorKind::InvalidData));
        assert!(error.to_string().contains("1001 > 1000"), "{error}");
    }

    let (_, end) = read_all(&[&[FIN | BINARY, 127], &(1024 * 1024 + 1_u64).to_be_bytes()[..]].concat()).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::InvalidData, "1 MiB unless set");
}

#[tokio::test(start_paused = true)]
async fn a_close_without_a_code_or_with_1000_is_the_end_of_the_stream() {
    for last in [frame(FIN | CLOSE, ""), close(1000, "bye")] {
        let (mut websocket, mut peer) = open_default().await;
        peer.send([frame(FIN | BINARY, "x"), last].concat()).await;
        assert_eq!(soon(websocket.read_u8()).await.unwrap(), b'x');
        for _ in 0..2 {
            assert_eq!(
                soon(websocket.read(&mut [0])).await.unwrap(),
                0,
                "though the server holds the connection open"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_with_any_other_code_is_an_aborted_connection_with_code_and_reason() {
    for (code, reason, said) in [
        (1001, "going away", "1001: going away"),
        (1008, "", "1008"),
        (1011, "no\r\nmemory", "1011: no memory"),
        (3000, "x", "3000: x"),
        (4999, "own", "4999: own"),
    ] {
        let (_, end) = read_all(&close(code, reason)).await;
        let error = end.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted, "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("the server closed the WebSocket with code {said}")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered_while_the_user_only_reads() {
    let (mut websocket, mut peer) = open_default().await;
    peer.send(close(1001, "going away")).await;
    soon(websocket.read_u8()).await.unwrap_err();
    assert_eq!(
        soon(peer.read_frame()).await,
        (FIN | CLOSE, b"\x03\xe9going away".to_vec())
    );
}

#[tokio::test(start_paused = true)]
async fn a_close_does_not_strand_a_writer_that_waits_on_another_task() {
    let (websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    let (mut reader, writing) = write_on_another_task(websocket).await;
    peer.send(close(1000, "")).await;
    assert_eq!(soon(reader.read(&mut [0])).await.unwrap(), 0);
    assert_eq!(soon(peer.read_frame()).await, (FIN | BINARY, vec![1; 1000]));
    assert_eq!(soon(peer.read_frame()).await.0, FIN | CLOSE);
    soon(writing).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_without_a_close_is_an_unexpected_end() {
    for (frames, good) in [
        (vec![], 0),
        (frame(FIN | BINARY, "x"), 1),
        (frame(FIN | BINARY, "xyz")[..4].to_vec(), 0),
    ] {
        let (received, end) = read_all(&frames).await;
        assert_eq!(
            (received.len(), end.unwrap_err().kind()),
            (good, io::ErrorKind::UnexpectedEof)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_stream_below_keeps_its_source() {
    let (near, mut peer) = pair(4096);
    let handshake = Handshake::new("h", "/");
    let (websocket, ()) = tokio::join!(connect(EndsBadly(near), &handshake), peer.accept());
    let mut websocket = websocket.unwrap();
    drop(peer);

    let on_read = soon(websocket.read_u8()).await.unwrap_err();
    let on_write = soon(websocket.write_all(b"x"))
        .await
        .and(soon(websocket.flush()).await)
        .unwrap_err();
    for error in [on_read, on_write] {
        assert!(has_cause(&error), "{error:?}");
        assert!(error.source().is_none(), "nothing is wrapped around it: {error:?}");
    }
}

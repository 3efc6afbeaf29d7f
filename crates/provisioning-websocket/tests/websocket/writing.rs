//! Writing: what leaves in frames, how it waits, and how it ends.

use std::{io, time::Duration};

use provisioning_websocket::{Handshake, WebSocketStream, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream};

use crate::peer::{BINARY, CLOSE, FIN, close, frame, open, open_default, pair, soon};

#[tokio::test(start_paused = true)]
async fn a_write_is_a_masked_binary_frame() {
    let (mut websocket, mut peer) = open_default().await;
    for payload in [&b"x"[..], &[2; 125], &[3; 126], &[4; 1000]] {
        assert_eq!(websocket.write(payload).await.unwrap(), payload.len());
        websocket.flush().await.unwrap();
        assert_eq!(soon(peer.read_frame()).await, (FIN | BINARY, payload.to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_write_sends_nothing() {
    let (mut websocket, mut peer) = open_default().await;
    assert_eq!(websocket.write(b"").await.unwrap(), 0);
    websocket.flush().await.unwrap();
    drop(websocket);
    assert_eq!(soon(peer.read_rest()).await, b"");
}

#[tokio::test(start_paused = true)]
async fn handshake_and_flush_reach_through_a_stream_that_buffers() {
    let (near, mut peer) = pair(4096);
    let handshake = Handshake::new("h", "/");
    let (websocket, ()) = soon(async { tokio::join!(connect(BufStream::new(near), &handshake), peer.accept()) }).await;
    let mut websocket = websocket.unwrap();
    websocket.write_all(b"x").await.unwrap();
    websocket.flush().await.unwrap();
    assert_eq!(soon(peer.read_frame()).await, (FIN | BINARY, b"x".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_large_write_gets_through_a_small_stream_whole_and_in_order() {
    let (mut websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    let large: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    let reading = async {
        let mut received = Vec::new();
        while received.len() < 300_000 {
            let (first, payload) = peer.read_frame().await;
            assert_eq!(first, FIN | BINARY);
            received.extend(payload);
        }
        received
    };
    let writing = async {
        websocket.write_all(&large).await?;
        websocket.flush().await
    };
    let (written, received) = soon(async { tokio::join!(writing, reading) }).await;
    written.unwrap();
    assert!(received == large, "300,000 bytes arrive as they were written");
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_a_peer_that_does_not_read() {
    let (mut websocket, _peer) = open(256, Handshake::new("h", "/")).await;
    let mut accepted = 0;
    let writing = async {
        loop {
            accepted += websocket.write(&[0; 1_000_000]).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), writing).await.is_err());
    assert!(accepted <= 64 * 1024, "{accepted} bytes were taken into memory");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_given_up_waiting_does_not_cut_a_frame_in_two() {
    let (mut websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    websocket.write_all(&[1; 1000]).await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_secs(1), websocket.write_all(&[2; 1000])).await;
    assert!(given_up.is_err(), "the stream is full");
    assert_eq!(
        soon(async { tokio::join!(websocket.flush(), peer.read_frame()) })
            .await
            .1,
        (FIN | BINARY, vec![1; 1000])
    );
    websocket.write_all(b"x").await.unwrap();
    assert_eq!(soon(peer.read_frame()).await, (FIN | BINARY, b"x".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_sends_what_waits_then_a_close_and_ends_the_stream_below() {
    let (mut websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    websocket.write_all(&[1; 1000]).await.unwrap();
    let reading = async { [peer.read_frame().await, peer.read_frame().await] };
    let (shut, frames) = soon(async { tokio::join!(websocket.shutdown(), reading) }).await;
    shut.unwrap();
    assert_eq!(frames, [(FIN | BINARY, vec![1; 1000]), (FIN | CLOSE, vec![])]);
    assert_eq!(soon(peer.read_rest()).await, b"");

    assert_eq!(
        websocket.write(b"x").await.unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
    websocket.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_what_is_on_its_way_can_still_be_read() {
    let (mut websocket, mut peer) = open_default().await;
    websocket.shutdown().await.unwrap();
    peer.send([frame(FIN | BINARY, "late"), close(1000, "")].concat()).await;
    let mut received = Vec::new();
    soon(websocket.read_to_end(&mut received)).await.unwrap();
    assert_eq!(received, b"late");
}

#[tokio::test(start_paused = true)]
async fn after_the_servers_close_nothing_is_written_and_a_shutdown_still_works() {
    let (mut websocket, mut peer) = open_default().await;
    peer.send(close(1000, "")).await;
    assert_eq!(soon(websocket.read(&mut [0])).await.unwrap(), 0);
    assert_eq!(
        websocket.write(b"x").await.unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
    websocket.shutdown().await.unwrap();
    assert_eq!(soon(peer.read_frame()).await.0, FIN | CLOSE);
    assert_eq!(soon(peer.read_rest()).await, b"", "one close, and the end");
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_bytes() {
    let (mut websocket, mut peer) = open(256, Handshake::new("h", "/")).await;
    websocket.write_all(&[b's'; 1000]).await.unwrap();
    peer.send(frame(FIN | BINARY, "ss")).await;
    soon(websocket.read_u8()).await.unwrap();
    assert_eq!(format!("{websocket:?}"), "WebSocketStream { ended: false, .. }");
}

#[test]
fn the_stream_goes_wherever_the_stream_below_goes() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<WebSocketStream<DuplexStream>>();
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let (near, _peer) = pair(1);
    drop(is_send(connect(near, &Handshake::new("h", "/"))));
}

//! The byte stream.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    join,
};

use super::{
    Setup,
    drive::{connected, read, rest, say, soon, write},
};
use crate::connector::BoxedStream;

/// More than any buffer on the way holds, and all 256 bytes in an order that no period of a buffer hides.
const LARGE: usize = 300_000;

/// In single bytes, in one piece of 300,000 bytes, and in both directions at the same time.
pub async fn bytes_arrive_unchanged_in_both_directions(start: impl Fn() -> Setup) {
    let (_setup, mut device, mut service) = connected(start).await;
    for byte in 0..=u8::MAX {
        say(&mut device, &mut service, &[byte]).await;
        say(&mut service, &mut device, &[byte]).await;
    }
    let bytes = |seed: usize| -> Vec<u8> {
        (seed..seed + LARGE)
            .map(|i| (i * i / 251 % 256).to_le_bytes()[0])
            .collect()
    };
    let (up, down) = (bytes(1), bytes(2));
    let both = async { join!(exchange(device, &up, down.len()), exchange(service, &down, up.len())) };
    let (at_device, at_service) = soon("the transfer in both directions", both).await;
    // Not `assert_eq`, which would print them.
    assert!(at_service == up, "what the device sends arrives unchanged");
    assert!(at_device == down, "what the service sends arrives unchanged");
}

/// Writes and reads at the same time.
async fn exchange(stream: BoxedStream, bytes: &[u8], expected: usize) -> Vec<u8> {
    let (mut reader, mut writer) = split(stream);
    let writing = async {
        writer.write_all(bytes).await.expect("a write succeeds");
        writer.flush().await.expect("a flush succeeds");
    };
    let reading = async {
        let mut bytes = vec![0; expected];
        reader.read_exact(&mut bytes).await.expect("the bytes arrive");
        bytes
    };
    join!(writing, reading).1
}

/// From either side, by a shutdown. A service that goes without one ends the stream too.
pub async fn the_end_of_the_stream_is_passed_on_behind_the_last_bytes(start: impl Fn() -> Setup) {
    let (_setup, mut device, mut service) = connected(&start).await;
    ends(&mut device, &mut service, "the device").await;
    let (_setup, mut device, mut service) = connected(&start).await;
    ends(&mut service, &mut device, "the service").await;
    let (_setup, mut device, mut service) = connected(&start).await;
    write(&mut service, b"last").await;
    assert_eq!(read(&mut device, 4).await, b"last");
    drop(service);
    let (bytes, _) = rest(&mut device).await;
    assert_eq!(bytes, b"", "nothing arrives after the end");
}

async fn ends(from: &mut BoxedStream, to: &mut BoxedStream, who: &str) {
    let ending = async {
        from.write_all(b"last").await?;
        from.shutdown().await
    };
    let (ended, (bytes, outcome)) = join!(soon("the shutdown", ending), rest(to));
    ended.unwrap_or_else(|error| panic!("{who} shuts the stream down: {error}"));
    assert_eq!(bytes, b"last", "what {who} sends before its shutdown");
    assert!(
        outcome.is_ok(),
        "a shutdown by {who} ends the stream without an error: {outcome:?}"
    );
}

/// Without a shutdown, and without waiting.
pub async fn a_dropped_stream_closes_the_connection(start: impl Fn() -> Setup) {
    let (_setup, mut device, mut service) = connected(start).await;
    say(&mut device, &mut service, b"here").await;
    drop(device);
    let _ = rest(&mut service).await;
}

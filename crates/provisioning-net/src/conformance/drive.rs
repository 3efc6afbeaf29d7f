//! What the cases share.

use std::{io, time::Duration};

use provisioning_types::{Progress, TransportError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    join,
    time::timeout,
};

use super::{Accepted, Setup};
use crate::{connector::BoxedStream, target::Target};

/// How long a case waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) type Outcome = Result<BoxedStream, TransportError>;

/// The output of `future`, which must not take long. `what` completes the sentence "... does not happen".
pub(super) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let output = timeout(PATIENCE, future).await;
    output.unwrap_or_else(|_| panic!("{what} does not happen"))
}

/// Both ends of a new connection.
pub(super) async fn connect(setup: &mut Setup, target: &Target<'_>) -> (BoxedStream, Accepted) {
    let Setup { connector, service, .. } = setup;
    let accepting = async {
        let connection = service.connection().await;
        service.accept(connection).await
    };
    let connecting = connector.connect(target, Progress::ignored());
    let (stream, accepted) = soon("a connection", async { join!(connecting, accepting) }).await;
    (stream.expect("the connector connects"), accepted)
}

/// Both ends of a connection, with the rest of the setup.
pub(super) async fn connected(start: impl Fn() -> Setup) -> (Setup, BoxedStream, BoxedStream) {
    let mut setup = start();
    let uri = setup.uri.clone();
    let (device, accepted) = connect(&mut setup, &Target::new(&uri)).await;
    (setup, device, accepted.stream)
}

/// Sees that `text` arrives.
pub(super) async fn say(from: &mut BoxedStream, to: &mut BoxedStream, text: &[u8]) {
    write(from, text).await;
    assert_eq!(read(to, text.len()).await, text, "what arrives");
}

pub(super) async fn write(stream: &mut BoxedStream, bytes: &[u8]) {
    let writing = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    soon("the write", writing).await.expect("a write succeeds");
}

pub(super) async fn read(stream: &mut BoxedStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let read = soon("the arrival of the bytes", stream.read_exact(&mut bytes)).await;
    read.expect("the bytes arrive");
    bytes
}

/// What is left until the stream ends, and whether it ends with an error.
pub(super) async fn rest(stream: &mut BoxedStream) -> (Vec<u8>, io::Result<usize>) {
    let mut bytes = Vec::new();
    let outcome = soon("the end of the stream", stream.read_to_end(&mut bytes)).await;
    (bytes, outcome)
}

//! The other end: a proxy that says what a test tells it to, and the service behind it.

use provisioning_net::{BoxedStream, Proxy};
use provisioning_types::{ErrorKind, Host, Phase, TransportError};
use test_support::{proxy::LOGIN_SPELLINGS, shown, soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy, duplex, sink},
    task::JoinHandle,
};

/// What is heard and said, in turns, as the proxy.
pub(super) enum Turn {
    Hears(Vec<u8>),
    Says(Vec<u8>),
}

pub(super) fn hears(bytes: impl Into<Vec<u8>>) -> Turn {
    Turn::Hears(bytes.into())
}

pub(super) fn says(bytes: impl Into<Vec<u8>>) -> Turn {
    Turn::Says(bytes.into())
}

async fn take(turns: Vec<Turn>, mut far: DuplexStream) {
    for turn in turns {
        match turn {
            Turn::Hears(expected) => {
                let mut bytes = vec![0; expected.len()];
                far.read_exact(&mut bytes).await.expect("as many bytes");
                assert_eq!(bytes, expected, "{:?}", String::from_utf8_lossy(&bytes));
            }
            // A device that has heard enough may have gone.
            Turn::Says(bytes) => drop(far.write_all(&bytes).await),
        }
    }
    drop(far.shutdown().await);
    drop(copy(&mut far, &mut sink()).await);
}

/// Asks `proxy` for the target over a stream that holds `buffer` bytes each way; at its other end the turns are taken.
async fn tunnel(
    proxy: &str,
    (host, port): (&str, u16),
    buffer: usize,
    turns: Vec<Turn>,
) -> (Result<BoxedStream, TransportError>, JoinHandle<()>) {
    let proxy: Proxy = proxy.parse().expect("a proxy");
    let host = Host::new(host).expect("a host");
    let (near, far) = duplex(buffer);
    let peer = tokio::spawn(take(turns, far));
    let tunnel = proxy.tunnel(near, &host, port);
    (soon("the proxy's answer", tunnel).await, peer)
}

/// Has the proxy open the tunnel with its last turn, says more in the same breath, and talks both ways.
pub(super) async fn opens(proxy: &str, target: (&str, u16), buffer: usize, mut turns: Vec<Turn>) {
    let Some(Turn::Says(answer)) = turns.last_mut() else {
        panic!("the proxy has the last word");
    };
    answer.extend(b"hello");
    turns.extend([hears("ping"), says([b'x'; 5000])]);
    let (outcome, peer) = tunnel(proxy, target, buffer, turns).await;
    let mut stream = outcome.unwrap_or_else(|error| panic!("{proxy}: {error}"));
    let talk = async {
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await?;
        assert_eq!(&hello, b"hello", "what came behind the answer");
        stream.write_all(b"ping").await?;
        stream.flush().await?;
        let mut rest = vec![];
        stream.read_to_end(&mut rest).await.map(|_| rest)
    };
    assert_eq!(soon("the talk", talk).await.expect("a stream"), [b'x'; 5000]);
    drop(stream);
    peer.await.expect("every turn was taken");
}

/// The message of a proxy that does not connect: the error is of the right kind, at the right step, without any secret.
pub(super) async fn refuses(proxy: &str, target: (&str, u16), buffer: usize, turns: Vec<Turn>) -> String {
    refusal(proxy, target, buffer, turns).await.to_string()
}

/// The same error, with its hint.
pub(super) async fn refusal(proxy: &str, target: (&str, u16), buffer: usize, turns: Vec<Turn>) -> TransportError {
    let (outcome, peer) = tunnel(proxy, target, buffer, turns).await;
    let error = outcome.err().expect("no connection");
    peer.await.expect("every turn was taken");
    let step = (error.kind(), error.phase());
    assert_eq!(step, (ErrorKind::Connect, Some(Phase::Connect)));
    let shown = shown(&error);
    assert!(!LOGIN_SPELLINGS.iter().any(|login| shown.contains(login)), "{shown}");
    error
}

//! Sockets on this machine.

use std::{fmt::Debug, net::SocketAddr, str::FromStr};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Listens on a free port, and returns the listener and its address, as text or as an endpoint. A connection that is not
/// accepted reaches a silent peer.
pub async fn listen<A: FromStr<Err: Debug>>() -> (TcpListener, A) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address.to_string().parse().expect("an address"))
}

/// Listens on a free port of `host`, and serves each connection in its own task. Dropping the returned tasks closes the
/// port.
pub async fn serve<F>(host: &str, connection: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, JoinSet<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((host, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream));
        }
    });
    (address, tasks)
}

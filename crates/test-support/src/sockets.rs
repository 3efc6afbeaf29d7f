//! Sockets of this machine.

use std::{fmt::Debug, net::SocketAddr, str::FromStr};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Listens on a free port, and returns its address as text or as an endpoint. While nothing accepts the connections, the
/// peer that they reach stays silent.
pub async fn listen<A: FromStr<Err: Debug>>() -> (TcpListener, A) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address.to_string().parse().expect("an address"))
}

/// Serves each connection to a free port of `host` in a task of its own, until the tasks are dropped.
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

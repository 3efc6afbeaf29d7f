//! Listeners, and the tasks that serve their connections.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{net::TcpListener, select, time::sleep};
use tokio_rustls::TlsAcceptor;

use super::{
    socket::{Link, Security, Socket, in_memory},
    stack,
};
use crate::{
    error::EmulatorError,
    log::{LogKind, Origin},
    port::Port,
    service::Service,
};

/// Listens on `address`, or on loopback in both families. Returns the number of the port, which the system selects for
/// 0.
pub(crate) async fn listen(
    service: &Arc<Service>,
    acceptor: &TlsAcceptor,
    address: Option<IpAddr>,
    port: Port,
    number: u16,
) -> Result<u16, EmulatorError> {
    let (listener, number) = bind(port, address.unwrap_or(Ipv4Addr::LOCALHOST.into()), number).await?;
    accept_from(listener, port, service, acceptor);
    if address.is_none() {
        match bind(port, Ipv6Addr::LOCALHOST.into(), number).await {
            Ok((listener, _)) => accept_from(listener, port, service, acceptor),
            // Not every machine has IPv6.
            Err(error) => {
                let reason = format!("{error}, only on IPv4");
                service.note(origin(port), None, LogKind::Listen, reason);
            }
        }
    }
    Ok(number)
}

/// Serves a connection in memory. Returns the device's end of it.
pub(crate) fn serve_in_memory(
    service: &Arc<Service>,
    acceptor: &TlsAcceptor,
    port: Port,
    security: Security,
    buffer: usize,
) -> Link {
    let (device, socket) = in_memory(buffer);
    spawn(socket, port, security, acceptor, service);
    device
}

fn accept_from(listener: TcpListener, port: Port, service: &Arc<Service>, acceptor: &TlsAcceptor) {
    let (shared, acceptor) = (Arc::clone(service), acceptor.clone());
    service.tasks.spawn(async move {
        loop {
            let accepted = select! {
                () = shared.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let security = match port {
                        Port::Page => Security::Plain,
                        Port::Mqtt | Port::WebSocket | Port::Control => Security::Tls,
                    };
                    spawn(Socket::tcp(stream, peer), port, security, &acceptor, &shared);
                }
                // If there are no file descriptors left, other connections may end in the meantime.
                Err(error) => {
                    shared.note(origin(port), None, LogKind::Accept, error.to_string());
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    });
}

/// Serves a connection in a task. If the task panics, the log says so, and the others continue.
fn spawn(socket: Socket, port: Port, security: Security, acceptor: &TlsAcceptor, service: &Arc<Service>) {
    let origin = Origin {
        connection: port.is_for_devices().then(|| service.next_connection()),
        peer: socket.peer(),
        port: Some(port),
    };
    let serving = stack::serve(socket, port, origin, security, acceptor.clone(), Arc::clone(service));
    // A task that is given a future has room for it twice.
    let serving = AssertUnwindSafe(Box::pin(serving)).catch_unwind();
    let shared = Arc::clone(service);
    service.tasks.spawn(async move {
        if let Some(Err(_)) = shared.abandon.run_until_cancelled(serving).await {
            let reason = "a connection was given up; this is a bug of the emulator";
            shared.note(origin, None, LogKind::Panic, reason);
        }
    });
}

/// The origin of a log entry about a port itself.
fn origin(port: Port) -> Origin {
    Origin {
        port: Some(port),
        ..Origin::default()
    }
}

async fn bind(port: Port, address: IpAddr, number: u16) -> Result<(TcpListener, u16), EmulatorError> {
    let address = SocketAddr::new(address, number);
    let failed = |source: io::Error| EmulatorError::Listen {
        port,
        address: address.to_string(),
        remedy: String::new(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let number = listener.local_addr().map_err(failed)?.port();
    Ok((listener, number))
}

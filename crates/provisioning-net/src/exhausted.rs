//! Failures of this machine that look like those of the network: no further thread, socket or memory.

use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
};

use provisioning_types::{ErrorKind, Phase, TransportError};

/// The error of a call for which the system gives no thread.
pub(crate) fn no_thread(error: io::Error) -> TransportError {
    TransportError::new(ErrorKind::Local, "the system gives no further thread")
        .with_hint("raise this process's limit of threads, or run fewer registrations at a time")
        .with_source(error)
        .in_phase(Phase::Connect)
}

/// The error of a connection for which the system gives no socket; the reason in words.
pub(crate) fn no_socket(reason: &str) -> TransportError {
    let message = format!("this machine can make no further socket: {reason}");
    TransportError::new(ErrorKind::Local, message)
        .with_hint(
            "close connections and files that are no longer needed, raise this process's limit of open files, or run \
             fewer registrations at a time",
        )
        .in_phase(Phase::Connect)
}

/// Why no socket can be made now, if none can. A resolver without a socket does not say so.
pub(crate) fn lack_of_sockets() -> Option<io::Error> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    socket.err().filter(is_exhausted)
}

/// Whether the process or the system has no further descriptor, or no memory for one.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    #[cfg(unix)]
    const EXHAUSTED: &[i32] = &[libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    // WSAEMFILE, WSAENOBUFS.
    #[cfg(not(unix))]
    const EXHAUSTED: &[i32] = &[10_024, 10_055];
    error.raw_os_error().is_some_and(|code| EXHAUSTED.contains(&code))
}

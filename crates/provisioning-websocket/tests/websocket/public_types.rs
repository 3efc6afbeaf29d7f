//! What holds for every public type: it can be shared between threads, and printed.

use std::fmt::Debug;

use provisioning_websocket::{Handshake, HandshakeError, WebSocketStream};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<Handshake>();
    shared_and_printed::<HandshakeError>();
    shared_and_printed::<WebSocketStream<tokio::io::DuplexStream>>();
}

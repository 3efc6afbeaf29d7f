//! What holds for every public type: it can be shared between threads, and printed.

use std::fmt::Debug;

use provisioning_net::{
    FallbackConnector, Probe, Proxy, ProxyRules, Scheme, ServiceUri, Target, TcpConnector, Tls, TlsConnector,
    TlsProvider, TlsVersion, WebSocketConnector,
};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<FallbackConnector<TcpConnector, TcpConnector>>();
    shared_and_printed::<Probe>();
    shared_and_printed::<Proxy>();
    shared_and_printed::<ProxyRules>();
    shared_and_printed::<Scheme>();
    shared_and_printed::<ServiceUri>();
    shared_and_printed::<Target<'static>>();
    shared_and_printed::<TcpConnector>();
    shared_and_printed::<Tls>();
    shared_and_printed::<TlsConnector>();
    shared_and_printed::<TlsProvider>();
    shared_and_printed::<TlsVersion>();
    shared_and_printed::<WebSocketConnector<TcpConnector>>();
}

//! What holds for every public type: it can be shared between threads, and printed.

use std::fmt::Debug;

use provisioning_mqtt::{
    Login, Message, MqttOptions, MqttOverStream, MqttTransport, SessionEvent, WritePermit, Written,
};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<Login>();
    shared_and_printed::<Message>();
    shared_and_printed::<MqttOptions>();
    shared_and_printed::<MqttOverStream<provisioning_net::TcpConnector>>();
    shared_and_printed::<MqttTransport>();
    shared_and_printed::<SessionEvent>();
    shared_and_printed::<WritePermit>();
    shared_and_printed::<Written>();
}

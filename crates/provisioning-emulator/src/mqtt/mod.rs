//! MQTT 3.1.1: the codec, and one device's connection.

mod admission;
mod channel;
mod codec;
mod connection;
mod describe;
mod effects;
mod end;
mod outgoing;
mod topic;

pub(crate) use connection::serve;

//! The emulator as devices meet it: raw MQTT in paused time, real sockets, and the command as a process.

mod support;

mod certificates;
mod command;
mod configuration;
mod connecting;
mod control;
mod ending;
mod enrollments;
mod faults;
mod packets;
mod page;
mod registering;
mod robustness;
mod sockets;
mod strictness;
mod websocket;

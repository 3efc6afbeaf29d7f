//! The emulator as devices meet it: raw MQTT in paused time, real sockets, and the command as a process.

mod support;

mod certificates;
#[cfg(feature = "cli")]
mod command;
mod configuration;
mod connecting;
mod control;
mod device_api;
mod ending;
mod enrollments;
mod faults;
mod folder;
mod heads;
mod health;
#[cfg(all(unix, feature = "cli"))]
mod killed;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod log_file;
mod log_limits;
mod observing;
mod packets;
mod page;
mod page_changes;
mod payloads;
mod persistence;
#[cfg(all(unix, feature = "cli"))]
mod private_files;
mod public_types;
mod reading;
mod refusals;
mod registering;
mod robustness;
mod rooms;
mod sockets;
mod stopping;
mod strangers;
mod strictness;
#[cfg(all(unix, feature = "cli"))]
mod talking;
mod time_limits;
mod unaccepted;
mod webhooks;
mod websocket;

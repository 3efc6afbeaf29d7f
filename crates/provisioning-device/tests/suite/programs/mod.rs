//! The examples, run as programs.

#[cfg(unix)]
mod gateway;
mod hub;
mod keys_elsewhere;
mod many_devices;
mod readme;

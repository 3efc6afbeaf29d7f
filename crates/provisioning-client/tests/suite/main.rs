//! The registration, proven: its requirements, its table of transitions, every short walk through them, and the driver
//! in virtual time.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod closing;
mod ending;
mod events;
mod first_polls;
mod leaving;
mod limit_messages;
mod limits;
mod machine;
mod network;
mod odd_answers;
mod programs;
mod public_types;
mod races;
mod recovery;
mod requirements;
mod reserved;
mod silence;
mod staying;
mod support;
mod transient;
mod unpolled;
mod waits;

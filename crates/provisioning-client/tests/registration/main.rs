//! The registration, proven: its requirements, its table of transitions, every short walk through them, and the driver
//! in virtual time.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod closing;
mod ending;
mod events;
mod leaving;
mod limits;
mod machine_table;
mod machine_walk;
mod odd_answers;
mod public_types;
mod races;
mod recovery;
mod requirements_leaving;
mod requirements_register;
mod reserved;
mod staying;
mod support;
mod waits;

//! The registration, proven: its requirements, its table of transitions, every short walk through them, and the driver
//! in virtual time.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod closing;
mod machine;
mod outcomes;
mod programs;
mod public_types;
mod recovery;
mod requirements;
mod support;
mod timing;

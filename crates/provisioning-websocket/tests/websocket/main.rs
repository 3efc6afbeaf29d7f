//! What the crate promises, against a server written by hand, frame by frame, in virtual time.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod frames;
mod handshake;
mod logging;
mod peer;
mod public_types;
mod reading;
mod writing;

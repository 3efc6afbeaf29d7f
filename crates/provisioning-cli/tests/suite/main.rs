//! `dps` as its users meet it: run as a process.

mod bad_input;
mod doctor;
mod emulator;
mod keeping;
mod output;
mod register;
mod secrets;
mod support;
mod unusable_stores;

//! What the programs of the benchmark share.
//!
//! `benchmarks` starts the others and prints the table. `service` is the local DPS; `subject` and `counting` register, the
//! latter with an allocator that counts; `cost` runs another program and says what it cost. Each is a process of its own,
//! so that a figure belongs to one side only.

mod client;
mod floor;
pub mod service;
pub mod subject;
pub mod task;
pub mod usage;

/// The error of a program that only says why it ends.
pub type Result<T> = minimal::Result<T>;

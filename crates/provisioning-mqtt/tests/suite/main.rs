//! This crate seen from outside: row by row of the requirements, and against a scripted service.

mod conformance;
mod extremes;
mod programs;
mod public_types;
mod requirements;
mod session;
mod support;

//! This crate seen from outside.

mod extremes;
mod public_types;
mod reading;

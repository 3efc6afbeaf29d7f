//! This crate seen from outside.

mod public_types;

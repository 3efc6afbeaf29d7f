//! This crate seen from outside: row by row of the requirements, against a scripted service, and over real TLS.

// Cargo has no "one of two features" to ask for.
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("these tests need a TLS provider: the feature ring or aws-lc-rs");

mod fallback;
mod requirements;
mod session;
mod support;
mod tls;

//! This crate seen from outside: row by row of the requirements, against a scripted service, and over real TLS.

mod fallback;
mod requirements;
mod session;
mod support;
mod tls;

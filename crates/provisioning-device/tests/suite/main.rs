//! The facade as its users see it: each feature over both transports against the local DPS, and the examples.

mod api;
mod connections;
mod credentials;
mod outcomes;
mod programs;
mod support;
mod traces;

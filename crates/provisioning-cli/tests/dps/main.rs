//! `dps` as its users meet it: run as a process.

mod bad_input;
mod credentials;
mod doctor;
mod proxies;
mod refusals;
mod registering;
mod support;

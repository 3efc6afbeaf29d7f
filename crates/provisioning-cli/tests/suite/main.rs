//! `dps` as its users meet it: run as a process.

mod bad_input;
mod certificates;
mod credentials;
mod doctor;
mod keeping;
mod proxies;
mod refusals;
mod registering;
mod support;

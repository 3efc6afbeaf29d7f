//! `dps` as its users meet it: run as a process.

mod bad_input;
mod certificates;
mod credentials;
mod doctor;
mod doctor_data;
mod keeping;
mod limits;
mod proxies;
mod refusals;
mod registering;
mod support;

//! Flags that several commands share, by help heading.

mod durations;
mod identity;
mod input_file;
mod limits;
mod network;
mod output;
mod registration;
mod service;

pub(crate) use self::{
    durations::seconds,
    identity::Identity,
    input_file::input_file,
    limits::Limits,
    network::{Network, TlsMin},
    output::Output,
    registration::Registration,
    service::{PayloadSource, Service},
};

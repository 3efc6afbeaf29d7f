//! Flags that several commands share, by help heading.

mod durations;
mod identity;
mod limits;
mod network;
mod output;
mod registration;
mod service;

pub(crate) use self::{
    durations::seconds,
    identity::Identity,
    limits::Limits,
    network::{Network, TlsMin},
    output::Output,
    registration::Registration,
    service::Service,
};

//! HTTP: the control endpoint and the page.

mod access;
mod error;
mod page;
mod query;
mod router;
mod server;

pub(crate) use access::connection_string;
pub(crate) use error::error_body;
pub(crate) use page::answer as page;
pub(crate) use router::control;
pub(crate) use server::{Call, Reply, serve};

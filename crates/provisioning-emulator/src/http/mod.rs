//! HTTP: the HTTPS device API, the control endpoint and the page.

mod access;
mod api_version;
mod content;
mod device_api;
mod error;
mod health;
mod new_device;
mod page;
mod query;
mod router;
mod server;

pub(crate) use access::connection_string;
pub(crate) use content::Content;
pub(crate) use device_api::DeviceApi;
pub(crate) use error::last_answer;
pub(crate) use page::{Page, PageAccess};
pub(crate) use router::Control;
pub(crate) use server::{Handler, serve};

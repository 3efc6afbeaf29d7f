//! How a device reaches the service.

mod cancelling;
mod fallback;
mod proxies;
mod settings;
mod tls;

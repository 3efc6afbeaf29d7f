//! How a device reaches the service.

mod fallback;
mod proxies;
mod settings;
mod tls;

//! Proxies as `Proxy::tunnel` meets them: over streams in memory, byte by byte if need be.

mod http;
mod named;
mod scripted;
mod socks5;

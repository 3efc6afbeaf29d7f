//! `dps` registers through tinyproxy (HTTP CONNECT) and microsocks (SOCKS5).

mod http;
mod proxy;
mod socks5;

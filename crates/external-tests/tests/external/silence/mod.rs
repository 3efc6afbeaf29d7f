//! `dps` registers over networks that lose packets without a sign: no reset, no ICMP.
//!
//! Each test has network namespaces of its own, which takes root and `ip`. What a router discards cannot be shown in
//! paused time.

mod addresses;
mod dns;
mod flows;
mod mtu;
mod namespace;
mod ports;
mod site;

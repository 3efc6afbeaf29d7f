//! What a registration recovers from.

mod lost_connections;
mod network;
mod silence;
mod simultaneous;
mod transient;

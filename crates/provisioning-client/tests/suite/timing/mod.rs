//! When the next request is sent, and what ends a registration that takes too long.

mod limit_messages;
mod limits;
mod waits;

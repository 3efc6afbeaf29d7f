//! How a registration, or a client, is closed: `cancel`, `disconnect`, `close`, and dropped calls.

mod first_polls;
mod for_good;
mod leaving;
mod races;
mod reserved;
mod unpolled;

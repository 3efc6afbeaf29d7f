//! How a registration ends, and what its result holds.

mod blocking;
#[cfg(unix)]
mod exhausted;
mod faults;
mod hints;
mod registration;
mod results;
mod round_trips;
mod stored;
mod virtual_time;

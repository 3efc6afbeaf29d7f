//! What a registration comes to, and the events on the way.

mod ending;
mod events;
mod odd_answers;
mod staying;

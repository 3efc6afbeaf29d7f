//! The pure machine: each input in each state, and every short walk through them.

mod names;
mod table;
mod walk;

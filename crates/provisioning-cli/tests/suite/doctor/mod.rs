//! `dps doctor`: what it finds, and what it sends.

mod data;
mod findings;

//! `dps doctor`: what it finds, and what it sends.

mod causes;
mod data;
mod findings;
mod page;
mod situations;

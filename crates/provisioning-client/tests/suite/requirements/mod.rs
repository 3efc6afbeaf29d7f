//! The requirements of the registration, row by row.

mod leaving;
mod register;

//! What is traced and otherwise shown of a registration.

mod secrets;
mod spans;

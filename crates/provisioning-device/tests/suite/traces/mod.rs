//! What is traced of a registration. That no secret is logged is tested with `dps`, where the local DPS is a process.

mod spans;

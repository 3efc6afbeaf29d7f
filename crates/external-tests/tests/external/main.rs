//! Tests against programs that are not part of this project: SDKs of other languages, a broker, proxies and a browser;
//! over networks that lose packets, by a clock that is not set, and of an emulator that is killed again and again; and
//! the commands of the manual.
//!
//! Each test is ignored, because it needs programs that a machine with Rust does not have. `cargo xtask external` runs
//! all of them, `cargo xtask interop`, `manual`, `page` and `proxies` those of one folder; `silence` needs root. A test whose
//! program is missing fails and names the command that installs the program.

mod clock;
mod interop;
mod kills;
mod manual;
mod page;
mod proxies;
mod silence;
mod support;

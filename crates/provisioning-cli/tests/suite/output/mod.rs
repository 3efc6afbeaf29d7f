//! What `dps` prints and writes: the object of every command, text that is safe for a terminal, and what is lost.

mod json;
#[cfg(target_os = "linux")]
mod losses;
#[cfg(unix)]
mod terminal;
mod untrusted_text;

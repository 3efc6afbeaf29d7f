//! What programs that build, check and measure this workspace share.

pub mod cargo;
pub mod open_files;
pub mod process_status;
pub mod table;

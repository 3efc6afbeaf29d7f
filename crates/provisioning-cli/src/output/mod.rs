//! What the program says: the answer or the failure of a command with its exit code, progress, the log, and files.

pub(crate) mod console;
pub(crate) mod dates;
pub(crate) mod failure;
pub(crate) mod kind;
pub(crate) mod logging;
pub(crate) mod outcome;
pub(crate) mod output_file;
pub(crate) mod section;

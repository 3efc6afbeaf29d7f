//! The error of a configuration.

use std::path::PathBuf;

/// The configuration cannot be read, or is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
#[non_exhaustive]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, at which the invalid table or value starts. `None` if the file cannot be read as text.
    pub line: Option<usize>,
    /// The key or the id, and what was expected.
    pub message: String,
}

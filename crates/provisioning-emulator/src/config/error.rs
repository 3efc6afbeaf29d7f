//! The error of a configuration.

use std::path::PathBuf;

/// The configuration is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", file.display())]
#[non_exhaustive]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, at which the invalid table or value starts.
    pub line: usize,
    /// The key or the id, and what was expected.
    pub message: String,
}

//! Readers of the files that the checks look at: each knows just enough of its language.

pub(crate) mod lexer;
pub(crate) mod manifest;
pub(crate) mod markdown;
pub(crate) mod outline;
pub(crate) mod toml;

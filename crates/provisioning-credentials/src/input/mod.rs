//! Inputs as people have them: read from files within limits, decoded tolerantly, and named when they are something else.
//!
//! Data flows one way: `file` reads bytes, `pem` and `der` cut them up, `kind` says what one piece is, and `contents`
//! finds the certificates, the key or the request in them, whichever is `wanted`. What is not found is explained by
//! `explain`.

pub(crate) mod contents;
pub(crate) mod der;
mod explain;
pub(crate) mod file;
mod json;
mod kind;
mod pem;
pub(crate) mod text;
pub(crate) mod wanted;

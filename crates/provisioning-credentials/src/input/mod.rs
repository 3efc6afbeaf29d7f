//! Certificates, keys, signing requests and tokens as input: read from files within limits, decoded tolerantly, and
//! explained if they are something else.
//!
//! Data flows one way: `file` reads bytes, `pem` and `der` cut them up, `kind` says what one piece is, and `contents`
//! finds the items that are `wanted`. `explain` makes the error if there are none.

pub(crate) mod contents;
pub(crate) mod der;
mod explain;
pub(crate) mod file;
mod json;
mod kind;
mod pem;
pub(crate) mod text;
pub(crate) mod wanted;

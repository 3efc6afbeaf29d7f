//! Files in flags.

use clap::builder::{PathBufValueParser, TypedValueParser};
use provisioning_device::InputFile;

/// The file at a path, which is not read yet.
pub(crate) fn input_file() -> impl TypedValueParser<Value = InputFile> {
    PathBufValueParser::new().map(InputFile::new)
}

//! Environment variables, which stand in for flags.

use std::{env, path::PathBuf};

use provisioning_device::{InputFile, InvalidInput};

use crate::output::failure::Failure;

/// An environment variable that is set and not empty.
///
/// # Errors
/// Names the variable if it is not text in UTF-8.
pub(crate) fn variable(name: &'static str) -> Result<Option<String>, InvalidInput> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(InvalidInput::new(name, "text in UTF-8")),
    }
}

/// The file that an environment variable names. A path may have any bytes.
pub(crate) fn file_variable(name: &str) -> Option<InputFile> {
    let path = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(InputFile::new(PathBuf::from(path)))
}

pub(crate) fn missing(name: &str, variable_name: &str) -> Failure {
    Failure::usage(format!("{name} is missing, and {variable_name} is not set"))
}

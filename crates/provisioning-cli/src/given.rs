//! What was given: flags, environment variables, files.

use std::{env, io, path::Path};

use provisioning_device::InvalidInput;

use crate::failure::Failure;

/// A flag's value or its variable's; neither is a mistake in usage.
pub(crate) fn required<T: From<String>>(flag: Option<T>, name: &str, variable_name: &str) -> Result<T, Failure> {
    flag.or_else(|| variable(variable_name).map(T::from))
        .ok_or_else(|| missing(name, variable_name))
}

pub(crate) fn missing(name: &str, variable_name: &str) -> Failure {
    Failure::usage(format!(
        "{name} is missing, and {variable_name} is not set (`dps register --local` needs neither)"
    ))
}

/// An environment variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A file that was named and cannot be read.
pub(crate) fn unreadable(what: &'static str, file: &Path, error: &io::Error) -> InvalidInput {
    InvalidInput::new(what, format!("a readable file ({error})")).found_in(file.display())
}

/// A file that could be written a moment ago.
pub(crate) fn unwritable(what: &'static str, file: &Path, error: &io::Error) -> InvalidInput {
    InvalidInput::new(what, format!("a file that can be written ({error})")).found_in(file.display())
}

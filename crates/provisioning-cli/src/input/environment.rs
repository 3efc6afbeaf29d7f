//! Environment variables, which stand in for flags.

use std::env;

use crate::output::failure::Failure;

/// An environment variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The value of a flag, or else of its variable. Having neither is a usage error.
pub(crate) fn required<T: From<String>>(flag: Option<T>, name: &str, variable_name: &str) -> Result<T, Failure> {
    flag.or_else(|| variable(variable_name).map(T::from))
        .ok_or_else(|| missing(name, variable_name))
}

pub(crate) fn missing(name: &str, variable_name: &str) -> Failure {
    Failure::usage(format!("{name} is missing, and {variable_name} is not set"))
}

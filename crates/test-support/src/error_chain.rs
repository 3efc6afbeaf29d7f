//! The text of an error and of its causes, for tests that look for secrets in it.

use std::{error::Error, iter};

/// Returns the error and each of its causes, as `Display` and as `Debug` show them.
pub fn shown(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(|error| format!("{error}; {error:?}; ")).collect()
}

//! What was parsed last from files that are read again and again.

use std::sync::{Mutex, PoisonError};

use provisioning_types::InvalidInput;

/// A value, kept until the contents that it was parsed from have changed.
pub(crate) struct LastParsed<C, T>(Mutex<Option<(C, T)>>);

impl<C, T> Default for LastParsed<C, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: PartialEq, T: Clone> LastParsed<C, T> {
    /// The value of `contents`, which are parsed if they are not the last ones.
    pub(crate) fn get(
        &self,
        contents: C,
        parse: impl FnOnce(&C) -> Result<T, InvalidInput>,
    ) -> Result<T, InvalidInput> {
        // The value is replaced as a whole, so it is consistent even if the lock is poisoned.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = last.as_ref().filter(|(last, _)| *last == contents) {
            return Ok(value.clone());
        }
        let value = parse(&contents)?;
        *last = Some((contents, value.clone()));
        Ok(value)
    }
}

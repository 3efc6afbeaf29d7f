//! A cache for one value, for what is read for every connection and seldom changes.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// Keeps the value that was made last, and the key that it was made for: an identity or a root source that reads a file
/// for every connection parses it again only when its contents, the key, have changed.
///
/// ```
/// use provisioning_types::Latest;
///
/// let parsed = Latest::default();
/// let parse = |text: &&str| text.parse::<u32>();
/// assert_eq!(parsed.get_or_make("7", parse), Ok(7));
/// assert_eq!(parsed.get_or_make("7", |_| unreachable!("it is kept")), Ok::<_, std::num::ParseIntError>(7));
/// ```
pub struct Latest<K, V>(Mutex<Option<Box<(K, V)>>>);

impl<K: PartialEq, V: Clone> Latest<K, V> {
    /// The value for `key`: the one that is kept if it was made for the same key, otherwise a new one, which replaces
    /// it.
    ///
    /// # Errors
    /// No value was made. What was kept is dropped all the same: it is out of date.
    pub fn get_or_make<E>(&self, key: K, make: impl FnOnce(&K) -> Result<V, E>) -> Result<V, E> {
        // `make` may panic, but then nothing is kept.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, value)) = kept.as_deref()
            && *of == key
        {
            return Ok(value.clone());
        }
        *kept = None;
        let value = make(&key)?;
        *kept = Some(Box::new((key, value.clone())));
        Ok(value)
    }
}

impl<K, V> Default for Latest<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, V> fmt::Debug for Latest<K, V> {
    /// Shows neither key nor value: both may hold a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Latest")
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible, sync::Arc};

    use super::*;

    #[test]
    fn a_value_is_made_again_only_for_another_key() {
        let (latest, made) = (Latest::default(), Cell::new(0));
        let get = |key: u8| {
            let value = latest.get_or_make(key, |_| {
                made.set(made.get() + 1);
                Ok::<_, Infallible>(made.get())
            });
            value.expect("infallible")
        };
        assert_eq!([get(1), get(1), get(2), get(2), get(1)], [1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_replaced_value_is_dropped_and_so_is_its_key() {
        let latest = Latest::default();
        let (key, value) = (Arc::new(1), Arc::new(()));
        let made = latest.get_or_make(Arc::clone(&key), |_| Ok::<_, ()>(Arc::clone(&value)));
        drop(made.expect("made"));
        assert_eq!((Arc::strong_count(&key), Arc::strong_count(&value)), (2, 2));
        assert_eq!(latest.get_or_make(Arc::new(2), |_| Err(())), Err(()));
        assert_eq!((Arc::strong_count(&key), Arc::strong_count(&value)), (1, 1));
    }
}

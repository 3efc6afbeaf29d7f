//! The identity of a signer or a source, by which calls that may block share threads.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Weak},
};

/// Identifies the signer, the source or the store that a call waits for. Calls with equal keys share a few threads, and
/// a call that never returns delays only calls with the same key.
///
/// Keys are equal if they are made from clones of one [`Arc`]. A key does not keep the value alive.
#[derive(Clone)]
pub struct BlockingKey(Arc<dyn Owner>);

impl BlockingKey {
    /// The key of the value behind `owner`.
    pub fn of<T: ?Sized + Send + Sync + 'static>(owner: &Arc<T>) -> Self {
        Self(Arc::new(Arc::downgrade(owner)))
    }

    /// Whether the value still exists.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }
}

/// The allocation that a key is made from. It stays reserved while there is a key, so no other value gets its address.
trait Owner: Send + Sync {
    fn address(&self) -> usize;

    fn is_alive(&self) -> bool;
}

impl<T: ?Sized + Send + Sync> Owner for Weak<T> {
    fn address(&self) -> usize {
        self.as_ptr().cast::<()>().addr()
    }

    fn is_alive(&self) -> bool {
        self.strong_count() > 0
    }
}

impl PartialEq for BlockingKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.address() == other.0.address()
    }
}

impl Eq for BlockingKey {}

impl Hash for BlockingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.address().hash(state);
    }
}

impl fmt::Debug for BlockingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockingKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    trait Named: Send + Sync {}

    /// Has no size: its address alone does not tell it from others.
    struct Empty;

    impl Named for Empty {}

    #[test]
    fn keys_are_equal_for_clones_of_one_arc_whatever_its_type_is_seen_as() {
        let one: Arc<Empty> = Arc::new(Empty);
        let seen: Arc<dyn Named> = Arc::<Empty>::clone(&one);
        assert_eq!(BlockingKey::of(&one), BlockingKey::of(&seen));
        assert_ne!(BlockingKey::of(&one), BlockingKey::of(&Arc::new(Empty)));
    }

    #[test]
    fn a_key_outlives_its_value_and_is_not_given_to_another() {
        let one = Arc::new([1_u8; 64]);
        let key = BlockingKey::of(&one);
        assert!(key.is_alive());
        drop(one);
        assert!(!key.is_alive());
        let others: Vec<_> = (0..100).map(|_| Arc::new([1_u8; 64])).collect();
        assert!(others.iter().all(|other| BlockingKey::of(other) != key));
    }
}

//! A value for each signer or source, for as long as that exists.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use provisioning_types::BlockingKey;

/// Values by key. Those of signers and sources that no longer exist are dropped when another one is added.
pub(crate) struct PerKey<V>(Mutex<Option<HashMap<BlockingKey, Arc<V>>>>);

impl<V> PerKey<V> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The value of `key`, made now if it is new.
    pub(crate) fn get_or_make(&self, key: &BlockingKey, make: impl FnOnce() -> V) -> Arc<V> {
        // The map is consistent even if the lock is poisoned.
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let values = values.get_or_insert_default();
        if let Some(value) = values.get(key) {
            return Arc::clone(value);
        }
        values.retain(|key, _| key.is_alive());
        let value = Arc::new(make());
        values.insert(key.clone(), Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shared_per_key_and_dropped_after_their_signer() {
        let values = PerKey::<u8>::new();
        let (one, other) = (Arc::new(()), Arc::new(()));
        let value = values.get_or_make(&BlockingKey::of(&one), || 1);
        let again = values.get_or_make(&BlockingKey::of(&one), || 2);
        assert!(Arc::ptr_eq(&value, &again));
        drop((one, again));
        assert_eq!(*values.get_or_make(&BlockingKey::of(&other), || 3), 3);
        assert_eq!(Arc::strong_count(&value), 1, "only the test has it");
    }
}

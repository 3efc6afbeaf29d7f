//! Which certificate authorities are trusted, as a byte stream's maker sees it.

use std::{fmt, sync::Arc};

use crate::invalid_input::InvalidInput;

/// Provides the CA certificates that the service's certificate is verified against. It is asked for every connection,
/// so a replaced CA needs no restart.
pub trait RootSource: fmt::Debug + Send + Sync {
    /// The certificates as they are now, each in DER. Return a clone of the same `Arc` while nothing has changed: what
    /// is made of the certificates is then used again.
    ///
    /// # Errors
    /// [`InvalidInput`] names what cannot be read or used. It ends the connection attempt before anything is sent.
    fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput>;

    /// Whether [`load`](Self::load) may block its thread, as when it reads a file. It is then called on a thread where
    /// blocking does no harm.
    fn may_block(&self) -> bool {
        true
    }
}

impl<S: RootSource + ?Sized> RootSource for Arc<S> {
    fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
        (**self).load()
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}

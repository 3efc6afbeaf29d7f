//! Credentials that are read anew whenever one is needed.

use crate::{Credential, InvalidInput};

/// Where a credential is kept that may be renewed meanwhile, such as files: it is read anew for every connection, so
/// that a renewed one needs no restart.
///
/// Blocking is fine: it is asked on a thread of its own. Every function that returns a credential is one.
pub trait CredentialSource: Send + Sync {
    /// The credential as it is now; not another source.
    ///
    /// # Errors
    /// [`InvalidInput`] names what cannot be read or used. It ends the registration before any connection.
    fn load(&self) -> Result<Credential, InvalidInput>;
}

impl<F: Fn() -> Result<Credential, InvalidInput> + Send + Sync> CredentialSource for F {
    fn load(&self) -> Result<Credential, InvalidInput> {
        self()
    }
}

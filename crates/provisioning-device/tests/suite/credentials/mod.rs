//! What a device proves its identity with.

mod csr;
mod external_keys;
mod files;
mod hanging_threads;
mod identities;

//! What the API accepts and promises.

mod building;
mod public_types;

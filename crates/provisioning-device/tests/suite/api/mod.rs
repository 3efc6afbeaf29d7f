//! What the API accepts and promises.

mod building;
mod extremes;
mod public_types;

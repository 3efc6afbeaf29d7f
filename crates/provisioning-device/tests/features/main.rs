//! What the facade offers beside the plain registration, each over both transports, against the local DPS on real TLS.

mod blocking;
#[path = "../support/broker.rs"]
mod broker;
mod building;
mod csr;
mod fallback;
mod files;
mod hints;
mod hub;
mod identities;
mod public_types;
#[path = "../support/recorder.rs"]
mod recorder;
mod results;
mod secrets;
mod settings;
mod support;
mod tls;

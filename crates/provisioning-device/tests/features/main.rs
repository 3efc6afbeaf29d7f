//! What the facade offers beside the plain registration, each over both transports, against the local DPS on real TLS.

#[cfg(feature = "blocking")]
mod blocking;
#[path = "../support/broker.rs"]
mod broker;
#[cfg(feature = "generate-csr")]
mod csr;
mod fallback;
mod files;
mod hints;
mod hub;
mod identities;
#[path = "../support/recorder.rs"]
mod recorder;
mod results;
mod secrets;
mod settings;
mod support;
mod tls;

//! Devices with the Node and Python SDKs register with the emulator, operators use the Node service SDK with it, and
//! `dps` registers through mosquitto. The packages that start the emulator from Node and Python work, with these SDKs too.

mod clients;
mod devices;
mod install;
mod mosquitto;
mod mqtt_clients;
mod operators;
mod operators_python;
mod outcome;
mod registration;
mod script;
mod strict_tls;

/// A payload that is not ASCII only.
const PAYLOAD: &str = r#"{"site":"Zürich","slots":[0,false,""],"deep":{"er":null}}"#;

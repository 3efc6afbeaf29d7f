//! What holds for every public type: it can be shared between threads, and printed.

use std::fmt::Debug;

use provisioning_emulator::{
    AllocationPolicy, Builder, Config, ConfigError, Cut, Device, DeviceIdentity, Direction, Effect, Emulator,
    EmulatorError, Enrollment, Fault, FaultError, Folder, KeyKind, Link, LogEntry, LogKind, Port, Registration,
    RegistrationStatus, RetryAfter, Security, Step, TlsVersions,
};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<AllocationPolicy>();
    #[cfg(feature = "cli")]
    shared_and_printed::<provisioning_emulator::cli::Args>();
    shared_and_printed::<Builder>();
    shared_and_printed::<Config>();
    shared_and_printed::<ConfigError>();
    shared_and_printed::<Cut>();
    shared_and_printed::<Device>();
    shared_and_printed::<DeviceIdentity>();
    shared_and_printed::<Direction>();
    shared_and_printed::<Effect>();
    shared_and_printed::<Emulator>();
    shared_and_printed::<EmulatorError>();
    shared_and_printed::<Enrollment>();
    shared_and_printed::<Fault>();
    shared_and_printed::<FaultError>();
    shared_and_printed::<Folder>();
    shared_and_printed::<KeyKind>();
    shared_and_printed::<Link>();
    shared_and_printed::<LogEntry>();
    shared_and_printed::<LogKind>();
    shared_and_printed::<Port>();
    shared_and_printed::<Registration>();
    shared_and_printed::<RegistrationStatus>();
    shared_and_printed::<RetryAfter>();
    shared_and_printed::<Security>();
    shared_and_printed::<Step>();
    shared_and_printed::<TlsVersions>();
}

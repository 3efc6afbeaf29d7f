//! A local DPS, its devices, and in-memory connections to it.

use std::sync::Arc;

use provisioning_credentials::X509Credential;
use provisioning_emulator::{Builder, DeviceIdentity, Emulator, Port, RetryAfter, Security};
use provisioning_net::{Connector, Target};
use provisioning_types::RegistrationRequest;

use crate::{ConnectWith, request::request_in};

/// Returns a builder of a local DPS whose responses ask for no wait.
pub fn local_dps() -> Builder {
    Emulator::builder().retry_after(RetryAfter::Seconds(0))
}

/// Starts a local DPS that listens on this machine.
pub async fn start(builder: Builder) -> Emulator {
    builder.start().await.expect("a local DPS")
}

/// Starts a local DPS without sockets.
pub fn start_in_memory(builder: Builder) -> Arc<Emulator> {
    Arc::new(builder.start_in_memory().expect("a local DPS"))
}

/// Returns a connector to a port of the emulator, in memory.
pub fn connector(emulator: &Arc<Emulator>, port: Port, security: Security) -> impl Connector + Clone + 'static {
    let emulator = Arc::clone(emulator);
    ConnectWith(move |_: &Target<'_>| Ok(emulator.connect(port, security, 64 * 1024)))
}

/// Returns the credential of a new device, with a certificate of the emulator's CA.
pub fn credential(emulator: &Emulator, registration_id: &str) -> X509Credential {
    x509(&emulator.issue_device(registration_id).expect("a device"))
}

/// Returns the credential of an identity that an emulator issued.
pub fn x509(identity: &DeviceIdentity) -> X509Credential {
    let (chain, key) = (&identity.certificate_chain_pem, &identity.private_key_pem);
    X509Credential::from_pem(chain.as_bytes(), key.as_bytes()).expect("a credential")
}

/// Returns the registration request of a device in the emulator's id scope.
pub fn request(emulator: &Emulator, registration_id: &str) -> RegistrationRequest {
    request_in(emulator.id_scope(), registration_id)
}

//! What holds for every public type: it can be shared between threads, and printed.

use std::{fmt::Debug, time::SystemTime};

use provisioning_credentials::{
    CertificateSigningRequest, Credential, DeviceIdentity, GeneratedRequest, HubAuth, HubConnection, IssuedChain,
    IssuedChainError, SasToken, SymmetricKey, TrustedRoots, X509Credential,
};
use provisioning_types::{Assignment, CredentialError, Identity, RegistrationId, RegistrationRequest, X509Signer};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<CertificateSigningRequest>();
    shared_and_printed::<Credential>();
    shared_and_printed::<CredentialError>();
    shared_and_printed::<DeviceIdentity>();
    shared_and_printed::<GeneratedRequest>();
    shared_and_printed::<HubAuth>();
    shared_and_printed::<HubConnection>();
    shared_and_printed::<IssuedChain>();
    shared_and_printed::<IssuedChainError>();
    shared_and_printed::<SasToken>();
    shared_and_printed::<SymmetricKey>();
    shared_and_printed::<TrustedRoots>();
    shared_and_printed::<X509Credential>();
}

/// Compiled, not called: what waits can be spawned.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn every_future_is_send(
    assignment: &Assignment,
    credential: &Credential,
    identity: &DeviceIdentity,
    id: &RegistrationId,
    request: &RegistrationRequest,
    signer: &dyn X509Signer,
) {
    fn send(_: impl Send) {}
    send(credential.load());
    send(identity.prove(request));
    send(HubConnection::new(assignment, credential, SystemTime::UNIX_EPOCH));
    send(CertificateSigningRequest::sign(id, b"", signer));
}

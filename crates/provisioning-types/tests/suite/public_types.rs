//! What holds for every public type: it can be shared between threads, and printed.

use std::fmt::Debug;

use provisioning_types::{
    ApiVersion, Assignment, AttestationState, BlockingKey, ClientCertificate, ClockSkew, ConnectionEvent,
    ConnectionProfile, CredentialError, CsrDer, Endpoint, ErrorCode, ErrorKind, Host, IdScope, InvalidInput, Payload,
    Phase, PrivateKey, Proof, RegistrationId, RegistrationRequest, RegistrationState, RegistrationStatus, Response,
    Secret, ServiceError, SignatureScheme, StoredAssignment, StoredError, Substatus, TransportError, WaitStep, Waiting,
};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<ApiVersion>();
    shared_and_printed::<Assignment>();
    shared_and_printed::<AttestationState<'static>>();
    shared_and_printed::<BlockingKey>();
    shared_and_printed::<ClientCertificate>();
    shared_and_printed::<ClockSkew>();
    shared_and_printed::<ConnectionEvent>();
    shared_and_printed::<ConnectionProfile>();
    shared_and_printed::<CredentialError>();
    shared_and_printed::<CsrDer>();
    shared_and_printed::<Endpoint>();
    shared_and_printed::<ErrorCode>();
    shared_and_printed::<ErrorKind>();
    shared_and_printed::<Host>();
    shared_and_printed::<IdScope>();
    shared_and_printed::<InvalidInput>();
    shared_and_printed::<Payload>();
    shared_and_printed::<Phase>();
    shared_and_printed::<PrivateKey>();
    shared_and_printed::<Proof>();
    shared_and_printed::<RegistrationId>();
    shared_and_printed::<RegistrationRequest>();
    shared_and_printed::<RegistrationState>();
    shared_and_printed::<RegistrationStatus>();
    shared_and_printed::<Response>();
    shared_and_printed::<Secret>();
    shared_and_printed::<ServiceError>();
    shared_and_printed::<SignatureScheme>();
    shared_and_printed::<StoredAssignment>();
    shared_and_printed::<StoredError>();
    shared_and_printed::<Substatus>();
    shared_and_printed::<TransportError>();
    shared_and_printed::<WaitStep>();
    shared_and_printed::<Waiting>();
}

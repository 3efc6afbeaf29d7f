//! What several tests of this crate need.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use provisioning_types::{IdScope, RegistrationId, RegistrationRequest};
use rcgen::{CertificateParams, DistinguishedName, DnType};

/// The output of a future that never waits, such as signing with a key in memory.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a key in memory never waits"),
    }
}

/// A request of `registration_id` in some id scope.
pub(crate) fn registration(registration_id: &str) -> RegistrationRequest {
    RegistrationRequest::new(
        IdScope::new("0ne1").expect("a scope"),
        RegistrationId::new(registration_id).expect("an id"),
    )
}

/// A certificate, or a request for one, whose subject is this common name alone, if any.
pub(crate) fn named(common_name: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params
}

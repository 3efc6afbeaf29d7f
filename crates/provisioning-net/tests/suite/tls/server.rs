//! A service that speaks TLS and requires a certificate.

use provisioning_net::Tls;
use rcgen::CertificateParams;
use rustls::SupportedProtocolVersion;
use test_support::{
    soon,
    tls::{Ca, ClientCertificates, acceptor},
};
use tokio::io::DuplexStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::device::Device;
use crate::support::{HOST, roots::Roots};

/// A service with a CA of its own, which signed its certificate and must have signed the devices' certificates.
pub(super) struct Server {
    pub(super) ca: Ca,
    pub(super) acceptor: TlsAcceptor,
}

impl Server {
    pub(super) fn new(version: &'static SupportedProtocolVersion) -> Self {
        Self::named(HOST, version)
    }

    pub(super) fn named(name: &str, version: &'static SupportedProtocolVersion) -> Self {
        Self::with(name, version, |_| {})
    }

    /// Its certificate is changed by `change`.
    pub(super) fn with(
        name: &str,
        version: &'static SupportedProtocolVersion,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let ca = Ca::root();
        let acceptor = acceptor(
            ca.server(name, change),
            ClientCertificates::Required(ca.certificate().der()),
            &[version],
        );
        Self { ca, acceptor }
    }

    /// Settings that trust this service.
    pub(super) fn trust(&self) -> Tls {
        trusting(&self.ca)
    }

    /// A device that this service accepts.
    pub(super) fn device(&self) -> Device {
        Device::new(self.trust(), self.ca.client_certificate())
    }

    /// The service's end of the next connection.
    pub(super) async fn accept(&self, device: &Device) -> TlsStream<DuplexStream> {
        let accepted = self.acceptor.accept(device.stream().await);
        soon("the handshake", accepted).await.expect("the device is accepted")
    }
}

/// Settings that trust what `ca` signed.
pub(crate) fn trusting(ca: &Ca) -> Tls {
    Tls::new().with_only_roots(Roots::of(&[ca]))
}

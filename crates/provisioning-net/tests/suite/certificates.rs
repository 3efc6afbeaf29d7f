//! A CA, and what it signs.

use provisioning_types::{ClientCertificate, PrivateKey, Secret};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

/// A CA with its key.
pub(crate) struct Ca {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn root() -> Self {
        let (params, key) = (ca_params("Root"), new_key());
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn intermediate(&self) -> Self {
        let (params, key) = (ca_params("Intermediate"), new_key());
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// A server's certificate for `name`, changed by `change`.
    pub(crate) fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = new_key();
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    /// A device's certificate for `key`.
    pub(crate) fn device(&self, key: &KeyPair) -> Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("device-1");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.signed_by(key, &self.issuer).expect("a certificate")
    }

    /// A device's certificate with a new key and no intermediates.
    pub(crate) fn client_certificate(&self) -> ClientCertificate {
        let key = new_key();
        let chain = vec![self.device(&key).der().to_vec()];
        ClientCertificate::new(chain, PrivateKey::Der(Secret::new(key.serialize_der())))
    }
}

pub(crate) fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

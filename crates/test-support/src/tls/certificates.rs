//! A CA, and the certificates that it signs.

use provisioning_types::{ClientCertificate, PrivateKey, Secret};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A CA with its key.
#[derive(Debug)]
pub struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    /// Makes a root CA.
    pub fn root() -> Self {
        Self(CertifiedIssuer::self_signed(ca_params("Root"), new_key()).expect("a certificate"))
    }

    /// Makes an intermediate CA below this one.
    pub fn intermediate(&self) -> Self {
        let params = ca_params("Intermediate");
        Self(CertifiedIssuer::signed_by(params, new_key(), &self.0).expect("a certificate"))
    }

    /// The CA's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.0.as_ref()
    }

    /// Makes a server's certificate for `name`, changed by `change`, and its key.
    pub fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = new_key();
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }

    /// Makes a device's certificate for `key`.
    pub fn device(&self, key: &KeyPair) -> Certificate {
        let mut params = named("device-1");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.signed_by(key, &self.0).expect("a certificate")
    }

    /// Makes a device's certificate with a new key and no intermediates.
    pub fn client_certificate(&self) -> ClientCertificate {
        let key = new_key();
        let chain = vec![self.device(&key).der().to_vec()];
        ClientCertificate::new(chain, PrivateKey::Der(Secret::new(key.serialize_der())))
    }
}

/// Makes a key.
pub fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

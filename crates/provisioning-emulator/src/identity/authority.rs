//! The emulator's CA, its server certificate, and the certificates of its devices.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use super::{
    certificate::{CertificateSettings, KeyKind, Validity},
    existing::Existing,
};
use crate::{error::EmulatorError, identifiers::is_host};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
}

/// The credential of a device.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeviceIdentity {
    /// The device's certificate, then its intermediates, PEM.
    pub certificate_chain_pem: String,
    /// The private key, PEM, PKCS#8.
    pub private_key_pem: String,
}

impl fmt::Debug for DeviceIdentity {
    /// Without the private key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DeviceIdentity")
            .field("certificate_chain_pem", &self.certificate_chain_pem)
            .finish_non_exhaustive()
    }
}

/// The certificate and the key of the emulator.
pub(crate) struct ServerIdentity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

impl Authority {
    /// A new CA.
    pub(crate) fn generate() -> Result<Self, EmulatorError> {
        let key = KeyPair::generate().map_err(failed)?;
        // Two CAs with one name would make a wrong CA look like a broken signature.
        let params = ca_params(&format!("DPS emulator CA {:08x}", fastrand::u32(..)));
        let certificate = params.self_signed(&key).map_err(failed)?.der().clone();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate_pem: to_pem(&certificate),
            certificate,
        })
    }

    /// The CA of an earlier run.
    pub(super) fn load(Existing { chain, key }: Existing) -> Result<Self, EmulatorError> {
        let certificate = chain[0].clone();
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&certificate, key).map_err(failed)?,
            certificate_pem: to_pem(&certificate),
            certificate,
        })
    }

    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A server certificate for `localhost`, the loopback addresses, and `names`.
    pub(crate) fn issue_server(&self, names: &[String], key: KeyKind) -> Result<ServerIdentity, EmulatorError> {
        if let Some(name) = names.iter().find(|name| !is_host(name)) {
            let name = name.clone();
            return Err(EmulatorError::Host { name });
        }
        let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        all.extend_from_slice(names);
        let mut params = CertificateParams::new(all).map_err(failed)?;
        params.distinguished_name = common_name("localhost");
        set_leaf(&mut params, ExtendedKeyUsagePurpose::ServerAuth, Validity::Now);
        let key = key.generate()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let chain = vec![certificate.der().clone()];
        Ok(ServerIdentity::new(Existing { chain, key }))
    }

    /// A certificate with the device's registration id as its common name.
    pub(crate) fn issue_device(
        &self,
        registration_id: &str,
        settings: CertificateSettings,
    ) -> Result<DeviceIdentity, EmulatorError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(registration_id);
        set_leaf(&mut params, ExtendedKeyUsagePurpose::ClientAuth, settings.validity);
        let key = settings.key.generate()?;
        let certificate_chain_pem = if settings.intermediate {
            let (intermediate, pem) = self.intermediate()?;
            params.signed_by(&key, &intermediate).map_err(failed)?.pem() + &pem
        } else {
            params.signed_by(&key, &self.issuer).map_err(failed)?.pem()
        };
        Ok(DeviceIdentity {
            certificate_chain_pem,
            private_key_pem: key.serialize_pem(),
        })
    }

    /// A certificate for the key of a PKCS#10 request, and the CA's: DER, the former first.
    pub(crate) fn issue_for(&self, csr: &[u8], registration_id: &str) -> Result<Vec<Vec<u8>>, String> {
        let SigningRequest(mut request) = read_csr(csr, registration_id)?;
        request.params = CertificateParams::default();
        request.params.distinguished_name = common_name(registration_id);
        set_leaf(&mut request.params, ExtendedKeyUsagePurpose::ClientAuth, Validity::Now);
        let issued = request.signed_by(&self.issuer).map_err(|error| error.to_string())?;
        Ok(vec![issued.der().to_vec(), self.certificate.to_vec()])
    }

    fn intermediate(&self) -> Result<(Issuer<'static, KeyPair>, String), EmulatorError> {
        let key = KeyPair::generate().map_err(failed)?;
        let params = ca_params("DPS emulator intermediate CA");
        let pem = params.signed_by(&key, &self.issuer).map_err(failed)?.pem();
        Ok((Issuer::new(params, key), pem))
    }
}

impl ServerIdentity {
    /// The certificate and the key of an earlier run, or of this one.
    pub(super) fn new(Existing { chain, key }: Existing) -> Self {
        Self {
            certificate_pem: chain.iter().map(|certificate| to_pem(certificate)).collect(),
            key_pem: key.serialize_pem(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            chain,
        }
    }
}

/// A PKCS#10 request for a device.
pub(crate) struct SigningRequest(CertificateSigningRequestParams);

/// Reads a PKCS#10 request. Its signature and its common name, the registration id, are verified.
pub(crate) fn read_csr(csr: &[u8], registration_id: &str) -> Result<SigningRequest, String> {
    let request = CertificateSigningRequestParams::from_der(&csr.into())
        .map_err(|error| format!("The csr is not a PKCS#10 request: {error}."))?;
    let name = request.params.distinguished_name.get(&DnType::CommonName);
    let is_device = |name: &DnValue| match name {
        DnValue::Utf8String(name) => name.eq_ignore_ascii_case(registration_id),
        DnValue::PrintableString(name) => name.as_str().eq_ignore_ascii_case(registration_id),
        _ => false,
    };
    if name.is_some_and(is_device) {
        Ok(SigningRequest(request))
    } else {
        Err("The csr's common name is not the registration id.".to_owned())
    }
}

impl SigningRequest {
    pub(crate) fn has_p384_key(&self) -> bool {
        self.0.public_key.algorithm() == &PKCS_ECDSA_P384_SHA384
    }
}

/// A certificate as PEM.
pub(crate) fn to_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

fn failed(error: rcgen::Error) -> EmulatorError {
    EmulatorError::certificate(error)
}

/// A CA with the extensions that RFC 5280 requires.
fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, Validity::Now);
    params
}

/// Sets the extensions that RFC 5280 requires of a certificate that is not a CA's, and the validity.
fn set_leaf(params: &mut CertificateParams, usage: ExtendedKeyUsagePurpose, validity: Validity) {
    // With the extension, and with a subject key identifier.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    set_validity(params, validity);
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn set_validity(params: &mut CertificateParams, validity: Validity) {
    let now = OffsetDateTime::now_utc();
    let (from, until) = match validity {
        // From yesterday, for clocks that are slow.
        Validity::Now => (now - Duration::days(1), now + Duration::days(825)),
        Validity::Expired => (now - Duration::days(30), now - Duration::days(1)),
        Validity::NotYet => (now + Duration::days(1), now + Duration::days(30)),
    };
    params.not_before = from;
    params.not_after = until;
}

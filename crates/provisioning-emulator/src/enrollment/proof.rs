//! The proofs of an enrollment: what a device must present.

use std::{sync::Arc, time::SystemTime};

use rustls::{
    CertificateError, Error as TlsError, RootCertStore,
    crypto::ring,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    body::{Attestation, AttestationKind, SymmetricKeys, X509},
    certificate::info,
    invalid::Invalid,
};
use crate::{
    identity::Key,
    input::{Unreadable, certificates},
};

/// What a device must present, decoded.
pub(crate) enum Proof {
    /// One of these certificates, by itself or by its thumbprint.
    Certificates {
        certificates: Vec<CertificateDer<'static>>,
        thumbprints: Vec<Vec<u8>>,
    },
    /// A certificate that one of these CAs signed.
    SignedBy(Arc<dyn ClientCertVerifier>),
    /// One of these keys; in a group, the device's is derived from it.
    Keys(Vec<Key>),
    /// No device can present it, for this reason.
    Unusable(&'static str),
}

/// In place of a certificate: the emulator's CA, or for a device any certificate that this CA signed.
pub(crate) const OWN_CA: &str = "emulator";

impl Proof {
    /// Reads an attestation. Missing keys are generated and written into it, and so are the emulator's CA of a group
    /// and the `info` of certificates. Without `own_ca_pem`, certificates of the emulator's CA are not read.
    pub(super) fn read(
        attestation: &mut Attestation,
        is_group: bool,
        own_ca_pem: Option<&str>,
    ) -> Result<Self, Invalid> {
        check_certificates(attestation, is_group, own_ca_pem)?;
        match attestation.kind {
            AttestationKind::SymmetricKey => keys(attestation.symmetric_key.get_or_insert_default()).map(Self::Keys),
            AttestationKind::X509 => {
                let missing = || Invalid::new("attestation.x509", "is missing");
                let x509 = attestation.x509.as_ref().ok_or_else(missing)?;
                if is_group {
                    signers(x509, own_ca_pem)
                } else {
                    own(x509, own_ca_pem)
                }
            }
            AttestationKind::Tpm => {
                let key = attestation.tpm.as_ref().and_then(|tpm| tpm["endorsementKey"].as_str());
                if key.is_none_or(str::is_empty) {
                    return Err(Invalid::new("attestation.tpm.endorsementKey", "is missing"));
                }
                Ok(Self::Unusable("TPM attestation is not supported"))
            }
            AttestationKind::None => Ok(Self::Unusable("the enrollment has no attestation")),
        }
    }
}

/// Checks that every certificate can be read, and adds its `info`.
fn check_certificates(attestation: &mut Attestation, is_group: bool, own_ca_pem: Option<&str>) -> Result<(), Invalid> {
    if attestation
        .x509
        .as_ref()
        .is_some_and(|x509| x509.ca_references.is_some())
    {
        let message = "is not supported: the emulator keeps no CA certificates; use signingCertificates";
        return Err(Invalid::new("attestation.x509.caReferences", message));
    }
    for (path, given) in attestation.certificates_mut() {
        let Some(text) = &mut given.certificate else { continue };
        let der = match (text.as_str(), own_ca_pem) {
            (OWN_CA, None) => continue,
            (OWN_CA, Some(own_ca_pem)) => {
                if is_group {
                    own_ca_pem.clone_into(text);
                }
                read_certificate(own_ca_pem)
            }
            (text, _) => read_certificate(text),
        };
        let der = der.map_err(|error| Invalid::new(format!("{path}.certificate"), error.to_string()))?;
        given.info = info(&der);
    }
    Ok(())
}

/// Reads both keys, and writes them in base64 without white space.
fn keys(keys: &mut SymmetricKeys) -> Result<Vec<Key>, Invalid> {
    let both = [
        ("primaryKey", &mut keys.primary_key),
        ("secondaryKey", &mut keys.secondary_key),
    ];
    let read = |(name, text): (_, &mut Option<String>)| {
        let invalid = |message| Invalid::new(format!("attestation.symmetricKey.{name}"), message);
        let key = match text {
            // Clients send empty text for a key that the service is to generate.
            Some(text) if !text.is_empty() => {
                Key::read(text.as_bytes()).map_err(|unreadable| invalid(unreadable.to_string()))?
            }
            _ => Key::generate().map_err(|error| invalid(error.to_string()))?,
        };
        *text = Some(key.to_base64());
        Ok(key)
    };
    both.into_iter().map(read).collect()
}

/// The first certificate in `text`.
fn read_certificate(text: &str) -> Result<CertificateDer<'static>, Unreadable> {
    certificates(text.as_bytes()).map(|mut certificates| certificates.swap_remove(0))
}

fn own(x509: &X509, own_ca_pem: Option<&str>) -> Result<Proof, Invalid> {
    if x509.certificates(false).any(|text| text == OWN_CA) {
        if x509.thumbprints.is_some() || x509.certificates(false).count() > 1 {
            let expected = "expected nothing beside the certificate \"emulator\"";
            return Err(Invalid::new("attestation.x509", expected));
        }
        return signed_by(own_ca_pem.into_iter().flat_map(read_certificate));
    }
    let certificates: Vec<_> = x509.certificates(false).flat_map(read_certificate).collect();
    let thumbprints: Vec<_> = x509
        .thumbprints
        .iter()
        .flatten()
        .map(|text| thumbprint(text))
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() && thumbprints.is_empty() {
        let expected = "expected a certificate here, or thumbprints";
        return Err(Invalid::new("attestation.x509.clientCertificates", expected));
    }
    Ok(Proof::Certificates {
        certificates,
        thumbprints,
    })
}

fn signers(x509: &X509, own_ca_pem: Option<&str>) -> Result<Proof, Invalid> {
    if x509.certificates(true).next().is_none() {
        let expected = "expected the certificate of a CA";
        return Err(Invalid::new("attestation.x509.signingCertificates", expected));
    }
    let has_own_ca = x509.certificates(true).any(|text| text == OWN_CA);
    match own_ca_pem {
        None if has_own_ca && x509.certificates(true).count() == 1 => Ok(CA_UNKNOWN),
        _ => signed_by(x509.certificates(true).flat_map(read_certificate)),
    }
}

/// The emulator's CA is not known yet.
const CA_UNKNOWN: Proof = Proof::Unusable("the CA of the emulator is not known yet");

fn signed_by(authorities: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Proof, Invalid> {
    let field = "attestation.x509.signingCertificates";
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        let added = roots.add(certificate);
        added.map_err(|_| Invalid::new(field, "expected the certificate of a CA, X.509 version 3"))?;
    }
    if roots.is_empty() {
        return Ok(CA_UNKNOWN);
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
        .build()
        .map(Proof::SignedBy)
        .map_err(|error| Invalid::new(field, error.to_string()))
}

/// Hex, with colons or without.
fn thumbprint(text: &str) -> Result<Vec<u8>, Invalid> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes
        .filter(|bytes| matches!(bytes.len(), 20 | 32) && digits.len() == 2 * bytes.len())
        .ok_or_else(|| Invalid::new("attestation.x509.thumbprints", "expected SHA-1 or SHA-256 in hex"))
}

/// Whether the device's own certificate is one of these, and valid now.
pub(crate) fn is_enrolled(
    chain: &[CertificateDer<'_>],
    certificates: &[CertificateDer<'_>],
    thumbprints: &[Vec<u8>],
) -> Result<(), &'static str> {
    let leaf = chain.first().ok_or("no client certificate")?;
    let has_thumbprint = || {
        let (sha1, sha256) = (Sha1::digest(leaf), Sha256::digest(leaf));
        thumbprints
            .iter()
            .any(|print| print[..] == sha1[..] || print[..] == sha256[..])
    };
    if !certificates.contains(leaf) && !has_thumbprint() {
        return Err(NOT_ENROLLED);
    }
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| "the certificate cannot be read")?;
    if leaf.validity().is_valid() {
        Ok(())
    } else {
        Err(INVALID_NOW)
    }
}

/// Whether one of the group's CAs signed the device's certificate, and it is valid now.
pub(crate) fn is_signed(chain: &[CertificateDer<'_>], verifier: &dyn ClientCertVerifier) -> Result<(), &'static str> {
    let (leaf, intermediates) = chain.split_first().ok_or("no client certificate")?;
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let verified = verifier.verify_client_cert(leaf, intermediates, UnixTime::since_unix_epoch(since_1970));
    verified.map(drop).map_err(|error| match error {
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => INVALID_NOW,
        _ => OUTSIDE,
    })
}

/// It has expired, or is not valid yet.
pub(crate) const INVALID_NOW: &str = "the certificate has expired or is not valid yet";

/// It is not the device's own.
pub(crate) const NOT_ENROLLED: &str = "the certificate is not the enrolled one";

/// No group's CA signed it.
pub(crate) const OUTSIDE: &str = "the certificate is outside every enrollment group";

/// No enrollment is for it.
pub(crate) const NO_ENROLLMENT: &str = "no enrollment is for this device";

//! The proofs of an enrollment: what a device must present.

use std::{sync::Arc, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    CertificateError, Error as TlsError, RootCertStore,
    crypto::ring,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::body::{Attestation, AttestationKind, SymmetricKeys, X509};
use crate::identity::Key;

/// What a device must present, decoded.
pub(crate) enum Proof {
    /// One of these certificates, by itself or by its thumbprint.
    Certificates {
        certificates: Vec<CertificateDer<'static>>,
        thumbprints: Vec<Vec<u8>>,
    },
    /// A certificate that one of the group's CAs signed.
    SignedBy(Arc<dyn ClientCertVerifier>),
    /// One of these keys; in a group, the device's is derived from it.
    Keys(Vec<Key>),
}

/// In place of a certificate: the emulator's CA, or for a device any certificate that this CA signed.
pub(crate) const OWN_CA: &str = "emulator";

impl Proof {
    /// Reads an attestation. Missing keys are generated and written into it, and so is the emulator's CA of a group.
    pub(crate) fn read(attestation: &mut Attestation, is_group: bool, own_ca_pem: &str) -> Result<Self, String> {
        if is_group {
            for certificate in attestation.certificates_mut().filter(|text| *text == OWN_CA) {
                own_ca_pem.clone_into(certificate);
            }
        }
        match attestation.kind {
            AttestationKind::SymmetricKey => keys(attestation.symmetric_key.get_or_insert_default()).map(Self::Keys),
            AttestationKind::X509 => {
                let x509 = attestation.x509.as_ref().ok_or("attestation.x509 is missing.")?;
                if is_group { signers(x509) } else { own(x509, own_ca_pem) }
            }
            AttestationKind::Tpm => Err("TPM attestation does not exist over MQTT.".to_owned()),
        }
    }
}

fn keys(keys: &mut SymmetricKeys) -> Result<Vec<Key>, String> {
    let both = [
        ("primaryKey", &mut keys.primary_key),
        ("secondaryKey", &mut keys.secondary_key),
    ];
    both.into_iter()
        .map(|(name, text)| {
            if let Some(text) = text {
                return Key::from_base64(text).ok_or_else(|| format!("attestation.symmetricKey.{name} is no base64."));
            }
            let key = Key::generate().map_err(|error| error.to_string())?;
            *text = Some(key.to_base64());
            Ok(key)
        })
        .collect()
}

fn own(x509: &X509, own_ca_pem: &str) -> Result<Proof, String> {
    if x509.certificates(false).any(|text| text == OWN_CA) {
        let is_alone = x509.thumbprints.is_none() && x509.certificates(false).count() == 1;
        return match read_certificate(own_ca_pem).filter(|_| is_alone) {
            Some(own_ca) => signed_by(vec![own_ca]),
            None => Err("attestation.x509: expected nothing beside the certificate \"emulator\".".to_owned()),
        };
    }
    let certificates = certificates(x509, false)?;
    let thumbprints: Vec<_> = x509
        .thumbprints
        .iter()
        .flatten()
        .map(|text| thumbprint(text))
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() && thumbprints.is_empty() {
        return Err("attestation.x509.clientCertificates or thumbprints is missing.".to_owned());
    }
    Ok(Proof::Certificates {
        certificates,
        thumbprints,
    })
}

fn signers(x509: &X509) -> Result<Proof, String> {
    signed_by(certificates(x509, true)?)
}

fn signed_by(authorities: Vec<CertificateDer<'static>>) -> Result<Proof, String> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        let added = roots.add(certificate);
        added.map_err(|error| format!("attestation.x509.signingCertificates is no CA's certificate: {error}."))?;
    }
    if roots.is_empty() {
        return Err("attestation.x509.signingCertificates is missing.".to_owned());
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
        .build()
        .map(Proof::SignedBy)
        .map_err(|error| format!("attestation.x509.signingCertificates cannot be used: {error}."))
}

fn certificates(x509: &X509, is_group: bool) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = if is_group {
        "signingCertificates"
    } else {
        "clientCertificates"
    };
    let wrong = || format!("attestation.x509.{name} is no certificate in PEM or base64.");
    let all = x509.certificates(is_group);
    all.map(|text| read_certificate(text).ok_or_else(wrong)).collect()
}

fn read_certificate(text: &str) -> Option<CertificateDer<'static>> {
    let der = if text.contains("-----BEGIN") {
        CertificateDer::from_pem_slice(text.as_bytes()).ok()?
    } else {
        let base64: String = text.split_whitespace().collect();
        CertificateDer::from(STANDARD.decode(base64).ok()?)
    };
    X509Certificate::from_der(&der).is_ok().then_some(der)
}

/// Hex, with colons or without.
fn thumbprint(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes
        .filter(|bytes| matches!(bytes.len(), 20 | 32) && digits.len() == 2 * bytes.len())
        .ok_or_else(|| format!("The thumbprint {text:?} is not SHA-1 or SHA-256 in hex."))
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
        Err("the certificate has expired or is not valid yet")
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
        ) => "the certificate has expired or is not valid yet",
        _ => OUTSIDE,
    })
}

/// It is not the device's own.
pub(crate) const NOT_ENROLLED: &str = "the certificate is not the enrolled one";

/// No group's CA signed it.
pub(crate) const OUTSIDE: &str = "the certificate is outside every enrollment group";

//! The certificates that the service issued for a signing request, bounded and checked.

use std::{sync::Arc, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_types::{
    CsrDer, InvalidInput, RegistrationId, RegistrationRequest, RegistrationState, Secret, X509Signer,
};
use serde_json::Value;

use crate::{
    input::{contents, wanted::Wanted},
    signing_request::CertificateSigningRequest,
    x509::{certificate::Certificate, common_name::common_name, credential::X509Credential, private_key},
};

/// The most certificates that a chain may have.
const MAX_CERTIFICATES: usize = 10;

/// The largest size of a certificate, in bytes of DER.
const MAX_CERTIFICATE_SIZE: usize = 16 * 1024;

/// The certificate that the service issued for a signing request, and the certificates above it: none, the
/// intermediates, or those and the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedChain(Vec<Vec<u8>>);

/// Why a registration has no usable chain. The device is assigned nevertheless.
///
/// Entries and certificates are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuedChainError {
    /// The registration contained no certificate signing request. Set one with `RegistrationRequest::with_csr`.
    #[error("no certificate was asked for")]
    NotAskedFor,
    /// The service issued nothing: the enrollment has no certificate policy, or the api-version has no signing requests.
    #[error("the answer has no issued certificate")]
    Absent,
    /// As [`Absent`](Self::Absent).
    #[error("the issued certificate chain is null")]
    Null,
    /// The list is empty.
    #[error("the issued certificate chain is empty")]
    Empty,
    /// The chain is not a list.
    #[error("the issued certificate chain is not a list")]
    NotAList,
    /// The chain has more than 10 certificates.
    #[error("the issued certificate chain has {0} certificates; 10 is the limit")]
    TooMany(usize),
    /// This entry has a certificate of more than 16 KiB.
    #[error("entry {0} of the issued chain has a certificate of more than 16 KiB")]
    TooLarge(usize),
    /// This entry is not text.
    #[error("entry {0} of the issued chain is not text")]
    NotText(usize),
    /// This entry is neither base64 nor PEM.
    #[error("entry {0} of the issued chain is not base64 of DER or PEM")]
    BadEncoding(usize),
    /// This entry has something else than X.509 certificates.
    #[error("entry {0} of the issued chain is not an X.509 certificate")]
    NotACertificate(usize),
    /// No certificate is for the request's key, or the request cannot be parsed.
    #[error("the issued certificate is for another key than the request's")]
    OtherKey,
    /// The certificate for the request's key is this one, not the first.
    #[error("the certificate for the request's key is certificate {0} of the issued chain, not certificate 0")]
    LeafNotFirst(usize),
    /// The certificate is for another device.
    #[error("the issued certificate's common name is {0:?}, not the registration id")]
    OtherName(String),
    /// The certificate is not valid yet; this device's clock may be slow.
    #[error("the issued certificate is not valid yet")]
    NotYetValid,
    /// The certificate is no longer valid; this device's clock may be fast.
    #[error("the issued certificate has expired")]
    Expired,
    /// The certificate after this one has another name than its issuer: the order is wrong, or a certificate is missing
    /// or does not belong here. TLS 1.2 needs the order.
    #[error("certificate {0} of the issued chain is not followed by the certificate of its issuer")]
    OutOfOrder(usize),
}

impl IssuedChain {
    /// Reads the chain from the registration state that `request` led to.
    ///
    /// The first certificate must have the key of the request's CSR and the registration id as its common name
    /// (compared without case), and be valid at `now`. Each further one must have the name of the issuer of the one
    /// before; signatures are not verified.
    ///
    /// An entry of the list is base64 of DER, which the service documents, or base64 of PEM, or PEM. White space in
    /// base64 is ignored. An entry may have several certificates, and in PEM text around them and blocks of other kinds.
    ///
    /// # Errors
    /// [`IssuedChainError`] has one variant for each reason.
    pub fn from_state(
        state: &RegistrationState,
        request: &RegistrationRequest,
        now: SystemTime,
    ) -> Result<Self, IssuedChainError> {
        let csr = request.csr().ok_or(IssuedChainError::NotAskedFor)?;
        let certificates = match state.raw().get("issuedCertificateChain") {
            None => return Err(IssuedChainError::Absent),
            Some(Value::Null) => return Err(IssuedChainError::Null),
            Some(Value::Array(entries)) => decode(entries)?,
            Some(_) => return Err(IssuedChainError::NotAList),
        };
        let mut parsed = vec![];
        for (entry, der) in &certificates {
            parsed.push(Certificate::from_der(der).ok_or(IssuedChainError::NotACertificate(*entry))?);
        }
        check(&parsed, csr, request.registration_id(), now)?;
        Ok(Self(certificates.into_iter().map(|(_, der)| der).collect()))
    }

    /// The certificates in DER, the device's own first.
    pub fn der(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// The credential of the chain and its private key, in PEM or DER, such as that of a `GeneratedRequest`.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `private key`. The TLS stack finds a key that does not belong to the certificate.
    pub fn into_credential(self, key: &Secret) -> Result<X509Credential, InvalidInput> {
        X509Credential::from_der(self.0, private_key::read(key.expose(), None)?)
    }

    /// The credential of the chain whose private key `signer` signs with.
    ///
    /// # Errors
    /// As [`X509Credential::from_der_with_signer`].
    pub fn into_credential_with_signer(self, signer: Arc<dyn X509Signer>) -> Result<X509Credential, InvalidInput> {
        X509Credential::from_der_with_signer(self.0, signer)
    }

    /// The certificates in PEM, the device's own first.
    pub fn pem(&self) -> String {
        self.0.iter().map(|der| to_pem(der)).collect()
    }
}

/// The certificates in DER, each with the index of its entry.
fn decode(entries: &[Value]) -> Result<Vec<(usize, Vec<u8>)>, IssuedChainError> {
    if entries.len() > MAX_CERTIFICATES {
        return Err(IssuedChainError::TooMany(entries.len()));
    }
    let mut certificates = vec![];
    for (index, entry) in entries.iter().enumerate() {
        let entry = decode_entry(index, entry)?;
        certificates.extend(entry.into_iter().map(|der| (index, der)));
    }
    match certificates.len() {
        0 => Err(IssuedChainError::Empty),
        count if count > MAX_CERTIFICATES => Err(IssuedChainError::TooMany(count)),
        _ => Ok(certificates),
    }
}

/// The certificates in an entry, at least one.
fn decode_entry(index: usize, entry: &Value) -> Result<Vec<Vec<u8>>, IssuedChainError> {
    let text = entry.as_str().ok_or(IssuedChainError::NotText(index))?;
    let base64: String = text.split_ascii_whitespace().collect();
    let bytes = match STANDARD.decode(base64) {
        Ok(bytes) => bytes,
        Err(_) if text.contains("-----BEGIN ") => text.as_bytes().to_vec(),
        Err(_) => return Err(IssuedChainError::BadEncoding(index)),
    };
    let certificates = contents::certificates(Wanted::Certificate, &bytes);
    let certificates = certificates.map_err(|_| IssuedChainError::NotACertificate(index))?;
    if certificates.iter().any(|der| der.len() > MAX_CERTIFICATE_SIZE) {
        return Err(IssuedChainError::TooLarge(index));
    }
    Ok(certificates)
}

fn check(
    chain: &[Certificate<'_>],
    csr: &CsrDer,
    registration_id: &RegistrationId,
    now: SystemTime,
) -> Result<(), IssuedChainError> {
    let csr = CertificateSigningRequest::from_der(csr.as_bytes().to_vec()).map_err(|_| IssuedChainError::OtherKey)?;
    let has_key = |certificate: &Certificate<'_>| certificate.public_key.raw == csr.public_key();
    let leaf = match chain.iter().position(has_key) {
        Some(0) => &chain[0],
        Some(index) => return Err(IssuedChainError::LeafNotFirst(index)),
        None => return Err(IssuedChainError::OtherKey),
    };
    let name = common_name(&leaf.subject).unwrap_or_default();
    if !name.eq_ignore_ascii_case(registration_id.as_str()) {
        return Err(IssuedChainError::OtherName(name));
    }
    if now < leaf.not_before() {
        return Err(IssuedChainError::NotYetValid);
    }
    if now > leaf.not_after() {
        return Err(IssuedChainError::Expired);
    }
    let mut pairs = chain.windows(2);
    match pairs.position(|pair| pair[0].issuer.as_raw() != pair[1].subject.as_raw()) {
        Some(index) => Err(IssuedChainError::OutOfOrder(index)),
        None => Ok(()),
    }
}

fn to_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64);
    let lines: String = lines
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
        .collect();
    format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
}

#[cfg(test)]
mod tests;

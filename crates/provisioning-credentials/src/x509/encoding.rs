//! Certificates and private keys in PEM or DER, as files hold them.

use pkcs8::EncryptedPrivateKeyInfoRef;
use provisioning_types::{InvalidInput, Secret};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroize;

/// Whether `bytes` hold a PEM block; text may precede it.
pub(crate) fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, "-----BEGIN")
}

/// The certificates in `pem`, each in DER. Blocks of other kinds are skipped.
pub(crate) fn pem_certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem)
        .map(|der| der.map(|der| der.to_vec()))
        .collect()
}

/// A chain in PEM, or in DER with the certificates concatenated.
pub(super) fn chain(certificates: &[u8]) -> Result<Vec<Vec<u8>>, InvalidInput> {
    if is_pem(certificates) {
        pem_chain(certificates)
    } else {
        der_chain(certificates)
    }
}

pub(super) fn pem_chain(certificates: &[u8]) -> Result<Vec<Vec<u8>>, InvalidInput> {
    pem_certificates(certificates).map_err(|_| invalid_certificate("well-formed PEM"))
}

fn der_chain(mut certificates: &[u8]) -> Result<Vec<Vec<u8>>, InvalidInput> {
    let mut chain = vec![];
    while !certificates.is_empty() {
        let (rest, _) = X509Certificate::from_der(certificates)
            .map_err(|_| invalid_certificate("PEM, or X.509 certificates in DER"))?;
        chain.push(certificates[..certificates.len() - rest.len()].to_vec());
        certificates = rest;
    }
    Ok(chain)
}

/// An unencrypted private key in PEM or DER.
pub(crate) fn plain_key(key: &[u8]) -> Result<Secret, InvalidInput> {
    if is_pem(key) {
        return pem_key(key);
    }
    if EncryptedPrivateKeyInfoRef::try_from(key).is_ok() {
        return Err(needs_passphrase());
    }
    Ok(Secret::new(key.to_vec()))
}

pub(super) fn pem_key(pem: &[u8]) -> Result<Secret, InvalidInput> {
    let mut key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| no_key(pem, &error))?;
    let secret = Secret::new(key.secret_der().to_vec());
    key.zeroize();
    Ok(secret)
}

/// Why `pem` has no usable private key.
fn no_key(pem: &[u8], error: &pem::Error) -> InvalidInput {
    if contains(pem, "BEGIN ENCRYPTED PRIVATE KEY") || contains(pem, "Proc-Type: 4,ENCRYPTED") {
        return needs_passphrase();
    }
    match error {
        pem::Error::NoItemsFound => invalid_key("a PEM block with a PKCS#8, SEC1 or PKCS#1 private key"),
        _ => invalid_key("well-formed PEM"),
    }
}

fn needs_passphrase() -> InvalidInput {
    invalid_key("a key that is not encrypted, or its passphrase")
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

pub(super) fn invalid_certificate(expected: impl Into<std::borrow::Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("certificate", expected)
}

pub(super) fn invalid_key(expected: impl Into<std::borrow::Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("private key", expected)
}

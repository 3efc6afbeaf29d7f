//! The checks of certificates that are in the folder already.

use rcgen::{KeyPair, PublicKeyData};
use rustls::{client::verify_server_name, server::ParsedCertificate};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificate::{CertificateSettings, KeyKind, Validity};

/// A certificate chain and a key from files.
pub(super) struct Existing {
    /// The certificate first, then its intermediates. It is not empty.
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Existing {
    /// Reads PEM. Fails with the reason if it is not a certificate chain with the key of its first certificate.
    pub(super) fn read(certificate_pem: &str, key_pem: &str) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem.as_bytes()).collect();
        let chain = chain.map_err(|_| "is not PEM".to_owned())?;
        if chain.is_empty() || chain.iter().any(|der| X509Certificate::from_der(der).is_err()) {
            return Err("has no certificate".to_owned());
        }
        let key =
            KeyPair::from_pem(key_pem).map_err(|_| "has a key file that is not a PKCS#8 key in PEM".to_owned())?;
        let existing = Self { chain, key };
        let is_its_key = existing.with_leaf(|leaf| leaf.public_key().raw == existing.key.subject_public_key_info());
        if is_its_key {
            Ok(existing)
        } else {
            Err("does not belong to the key in its key file".to_owned())
        }
    }

    /// Why this cannot be the emulator's CA.
    pub(super) fn ca_problem(&self) -> Option<String> {
        self.with_leaf(|ca| {
            if !ca.is_ca() {
                return Some("is not the certificate of a CA".to_owned());
            }
            let until = ca.validity().not_after.to_datetime();
            (until < OffsetDateTime::now_utc()).then(|| format!("expired on {}", until.date()))
        })
    }

    /// Whether this CA issued the certificate, directly or through the intermediates of the chain.
    pub(super) fn is_issued_by(&self, ca: &CertificateDer<'_>) -> bool {
        let issuers = self.chain.iter().skip(1).map(AsRef::as_ref).chain([ca.as_ref()]);
        self.chain.iter().zip(issuers).all(|(certificate, issuer)| {
            let parsed = X509Certificate::from_der(certificate).ok();
            let both = parsed.zip(X509Certificate::from_der(issuer).ok());
            both.is_some_and(|((_, certificate), (_, issuer))| {
                certificate.verify_signature(Some(issuer.public_key())).is_ok()
            })
        })
    }

    /// Whether it is what the emulator would issue for a server with these names now.
    pub(super) fn is_current_server(&self, names: &[String], key: Option<KeyKind>) -> bool {
        let parsed = self
            .chain
            .first()
            .and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
        let has_name = |name: &String| {
            let name = ServerName::try_from(name.as_str()).ok();
            let both = parsed.as_ref().zip(name);
            both.is_some_and(|(certificate, name)| verify_server_name(certificate, &name).is_ok())
        };
        names.iter().all(has_name) && self.has_key(key) && self.has_validity(Validity::Now) && self.is_strict()
    }

    /// Whether it is what the emulator would issue for a device with these settings now.
    pub(super) fn is_current_device(&self, settings: CertificateSettings) -> bool {
        self.has_key(Some(settings.key))
            && self.has_validity(settings.validity)
            && (self.chain.len() > 1) == settings.intermediate
            && self.is_strict()
    }

    fn has_key(&self, kind: Option<KeyKind>) -> bool {
        kind.is_none() || kind == self.with_leaf(KeyKind::of)
    }

    fn has_validity(&self, expected: Validity) -> bool {
        let now = OffsetDateTime::now_utc();
        self.with_leaf(|leaf| {
            let from = leaf.validity().not_before.to_datetime();
            let until = leaf.validity().not_after.to_datetime();
            match expected {
                Validity::Now => from <= now && now <= until,
                Validity::Expired => until < now,
                Validity::NotYet => now < from,
            }
        })
    }

    /// Whether it has the extension that older versions of the emulator omitted.
    fn is_strict(&self) -> bool {
        let authority_key_identifier = x509_parser::oid_registry::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER;
        self.with_leaf(|leaf| matches!(leaf.get_extension_unique(&authority_key_identifier), Ok(Some(_))))
    }

    fn with_leaf<T>(&self, read: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let (_, leaf) = X509Certificate::from_der(&self.chain[0]).expect("it has been parsed before");
        read(&leaf)
    }
}

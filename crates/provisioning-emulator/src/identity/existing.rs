//! The checks of certificates that are in the folder already.

use rcgen::{KeyPair, PublicKeyData};
use rustls::{client::verify_server_name, server::ParsedCertificate};
use rustls_pki_types::{CertificateDer, ServerName};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificate::{CertificateSettings, KeyKind, Validity};
use crate::input::{certificates, key_pair, private_key};

/// A certificate chain and a key from files.
pub(super) struct Existing {
    /// The certificate first, then its intermediates. It is not empty.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: KeyPair,
}

impl Existing {
    /// Reads the contents of two files. Fails with the reason if they are not a certificate chain with the key of its
    /// first certificate.
    pub(super) fn read(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = certificates(certificate).map_err(|unreadable| format!("cannot be used: {unreadable}"))?;
        let key = private_key(key).map_err(|unreadable| format!("has a key file that cannot be used: {unreadable}"))?;
        let (_, leaf) = X509Certificate::from_der(&chain[0]).map_err(|_| "is damaged".to_owned())?;
        let key = key_pair(&key, leaf.public_key()).ok_or(
            "does not belong to the key in its key file, or that is neither an EC P-256, an EC P-384, an Ed25519 nor an \
             RSA key",
        )?;
        if leaf.public_key().raw == key.subject_public_key_info() {
            Ok(Self { chain, key })
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

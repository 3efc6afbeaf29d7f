//! The properties of a certificate chain for which servers reject it, as far as the device can detect them.

use std::fmt;

use x509_parser::{
    oid_registry::{Oid, OidRegistry},
    public_key::PublicKey,
    x509::X509Name,
};

use super::{certificate::Certificate, common_name::common_name};

/// A property of a certificate chain for which servers reject it. The device does not judge: the service decides.
///
/// Exhaustive: a program that explains each one, as `dps doctor` does, is to miss none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateDefect {
    /// The extended key usage of the device's certificate does not allow client authentication.
    NoClientAuthentication,
    /// The key usage of the device's certificate does not allow signatures.
    NoDigitalSignature,
    /// A certificate is signed with an outdated algorithm.
    WeakSignature {
        /// The certificate's number in the chain, from 1.
        number: usize,
        /// The algorithm's name.
        algorithm: &'static str,
    },
    /// A certificate has an RSA key of fewer than 2048 bits.
    ShortRsaKey {
        /// The certificate's number in the chain, from 1.
        number: usize,
        /// The size of the key.
        bits: usize,
    },
    /// A certificate did not issue the one before it.
    NotTheIssuer {
        /// The certificate's number in the chain, from 1.
        number: usize,
    },
    /// The issuer of a certificate is not in the chain, although others follow.
    MissingIssuer {
        /// The certificate's number in the chain, from 1.
        number: usize,
        /// The issuer's name.
        issuer: String,
    },
}

impl CertificateDefect {
    /// What to do, in one sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoClientAuthentication => "get a certificate with clientAuth in its extended key usage",
            Self::NoDigitalSignature => "get a certificate with digitalSignature in its key usage",
            Self::WeakSignature { .. } => "get a certificate that is signed with SHA-256 or better",
            Self::ShortRsaKey { .. } => "make a key of at least 2048 bits, or an EC key, and get a certificate for it",
            Self::NotTheIssuer { .. } => {
                "put the device's certificate first, and after each certificate the one of its issuer"
            }
            Self::MissingIssuer { .. } => "add the certificate of that issuer after it",
        }
    }
}

impl fmt::Display for CertificateDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClientAuthentication => {
                f.write_str("the device's certificate is not for client authentication (extended key usage)")
            }
            Self::NoDigitalSignature => {
                f.write_str("the device's certificate is not for digital signatures (key usage)")
            }
            Self::WeakSignature { number, algorithm } => {
                write!(f, "certificate {number} of the chain is signed with {algorithm}")
            }
            Self::ShortRsaKey { number, bits } => {
                write!(f, "certificate {number} of the chain has an RSA key of {bits} bits")
            }
            Self::NotTheIssuer { number } => {
                write!(f, "certificate {number} of the chain did not issue the one before it")
            }
            Self::MissingIssuer { number, issuer } => {
                write!(
                    f,
                    "certificate {number} of the chain is signed by {issuer:?}, which is not in the chain"
                )
            }
        }
    }
}

/// The defects of a chain in DER, those of the device's certificate first.
pub(super) fn of_chain(chain: &[Vec<u8>]) -> Vec<CertificateDefect> {
    let parsed: Vec<_> = chain.iter().map(|der| Certificate::from_der(der)).collect();
    let mut defects = vec![];
    if let Some(Some(leaf)) = parsed.first() {
        defects.extend(of_leaf(leaf));
    }
    for (index, certificate) in parsed.iter().enumerate() {
        let Some(certificate) = certificate else { continue };
        defects.extend(of_any(certificate, index + 1));
        if let Some(Some(issuer)) = parsed.get(index + 1)
            && certificate.issuer.as_raw() != issuer.subject.as_raw()
        {
            let is_issuer = |other: &Certificate<'_>| other.subject.as_raw() == certificate.issuer.as_raw();
            let is_elsewhere = parsed.iter().flatten().any(is_issuer);
            defects.push(match is_elsewhere {
                true => CertificateDefect::NotTheIssuer { number: index + 2 },
                false => CertificateDefect::MissingIssuer {
                    number: index + 1,
                    issuer: shown(&certificate.issuer),
                },
            });
        }
    }
    defects
}

fn of_leaf(leaf: &Certificate<'_>) -> Vec<CertificateDefect> {
    let mut defects = vec![];
    if leaf.is_for_clients() == Some(false) {
        defects.push(CertificateDefect::NoClientAuthentication);
    }
    if leaf.is_for_signatures() == Some(false) {
        defects.push(CertificateDefect::NoDigitalSignature);
    }
    defects
}

fn of_any(certificate: &Certificate<'_>, number: usize) -> Vec<CertificateDefect> {
    let mut defects = vec![];
    // Servers do not verify the signature of a self-issued certificate.
    if !is_self_issued(certificate)
        && let Some(algorithm) = weak_signature(&certificate.signature_algorithm.algorithm)
    {
        defects.push(CertificateDefect::WeakSignature { number, algorithm });
    }
    if let Ok(PublicKey::RSA(key)) = certificate.public_key.parsed()
        && key.key_size() < 2048
    {
        defects.push(CertificateDefect::ShortRsaKey {
            number,
            bits: key.key_size(),
        });
    }
    defects
}

/// The outdated hash of a signature algorithm.
fn weak_signature(algorithm: &Oid<'_>) -> Option<&'static str> {
    match algorithm.to_id_string().as_str() {
        // sha1WithRSAEncryption, and ecdsa-with-SHA1.
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => Some("SHA-1"),
        // md5WithRSAEncryption.
        "1.2.840.113549.1.1.4" => Some("MD5"),
        _ => None,
    }
}

fn is_self_issued(certificate: &Certificate<'_>) -> bool {
    certificate.issuer.as_raw() == certificate.subject.as_raw()
}

/// How many certificates are sent and which CA signed the last, such as `1 certificate is sent, the last one signed by
/// "CA"`.
pub(crate) fn sent(chain: &[Vec<u8>]) -> String {
    let count = match chain.len() {
        1 => "1 certificate is sent".to_owned(),
        count => format!("{count} certificates are sent"),
    };
    match chain.last().map(|der| Certificate::from_der(der)) {
        Some(Some(last)) if is_self_issued(&last) => format!("{count}, the last one self-signed"),
        Some(Some(last)) => format!("{count}, the last one signed by {:?}", shown(&last.issuer)),
        _ => count,
    }
}

fn shown(name: &X509Name<'_>) -> String {
    common_name(name).unwrap_or_else(|| {
        // Not the registry of all object identifiers, which is large.
        let types = OidRegistry::default().with_x509();
        name.to_string_with_registry(&types).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};

    use super::*;
    use crate::testing::named;

    fn self_signed(params: &CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn a_certificate_for_another_usage_is_found_and_one_without_usages_is_not() {
        let mut params = named(Some("device-1"));
        assert_eq!(of_chain(&[self_signed(&params)]), []);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        assert_eq!(
            of_chain(&[self_signed(&params)]),
            [
                CertificateDefect::NoClientAuthentication,
                CertificateDefect::NoDigitalSignature
            ]
        );
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        assert_eq!(of_chain(&[self_signed(&params)]), []);
    }

    #[test]
    fn a_chain_out_of_order_and_one_with_a_gap_are_told_apart_and_the_last_issuer_is_named() {
        let key = || KeyPair::generate().expect("a key");
        let root = Issuer::new(named(Some("Root")), key());
        let intermediate_key = key();
        let intermediate = named(Some("Intermediate"));
        let intermediate_der = intermediate
            .signed_by(&intermediate_key, &root)
            .expect("signed")
            .der()
            .to_vec();
        let issuer = Issuer::new(intermediate, intermediate_key);
        let leaf = named(Some("device-1"))
            .signed_by(&key(), &issuer)
            .expect("signed")
            .der()
            .to_vec();
        let root_der = self_signed(&named(Some("Root")));
        let chain = [leaf.clone(), intermediate_der.clone(), root_der.clone()];
        assert_eq!(of_chain(&chain), []);
        let missing = CertificateDefect::MissingIssuer {
            number: 1,
            issuer: "Intermediate".to_owned(),
        };
        assert_eq!(of_chain(&[leaf.clone(), root_der.clone()]), [missing]);
        assert_eq!(
            of_chain(&[leaf.clone(), root_der.clone(), intermediate_der.clone()]),
            [2, 3].map(|number| CertificateDefect::NotTheIssuer { number })
        );
        assert_eq!(
            sent(&chain[..1]),
            "1 certificate is sent, the last one signed by \"Intermediate\""
        );
        assert_eq!(
            sent(&chain[..2]),
            "2 certificates are sent, the last one signed by \"Root\""
        );
        assert_eq!(sent(&chain), "3 certificates are sent, the last one self-signed");
    }

    #[test]
    fn outdated_signatures_and_short_keys_are_found() {
        let sha1 = include_bytes!("../../tests/data/forms/sha1.der").to_vec();
        let short = include_bytes!("../../tests/data/forms/rsa-1024.der").to_vec();
        assert_eq!(
            of_chain(&[sha1]),
            [CertificateDefect::WeakSignature {
                number: 1,
                algorithm: "SHA-1"
            }]
        );
        assert_eq!(
            of_chain(&[short]),
            [CertificateDefect::ShortRsaKey { number: 1, bits: 1024 }]
        );
    }
}

//! What a PEM block or a DER element is.

use x509_parser::{
    certificate::X509Certificate, certification_request::X509CertificationRequest, prelude::FromDer,
    revocation_list::CertificateRevocationList,
};

use super::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, members};

/// What files of certificates and keys contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Request,
    PrivateKey,
    EncryptedKey,
    PublicKey,
    Pkcs7,
    Pkcs12,
    RevocationList,
    /// Parameters of an algorithm, without a key.
    Parameters,
    OpenSshKey,
    TpmKey,
    /// A PEM block with another label.
    Other,
}

impl Kind {
    /// The kind of a PEM block with this label. Older tools write other labels for the same contents.
    pub(super) fn of_label(label: &str) -> Self {
        match label {
            "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => Self::Certificate,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::Request,
            "PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY" => Self::PrivateKey,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "SSH2 PUBLIC KEY" => Self::PublicKey,
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Self::Pkcs7,
            "X509 CRL" => Self::RevocationList,
            "EC PARAMETERS" | "DH PARAMETERS" | "DSA PARAMETERS" => Self::Parameters,
            "OPENSSH PRIVATE KEY" => Self::OpenSshKey,
            "TSS2 PRIVATE KEY" | "TSS2 KEY BLOB" => Self::TpmKey,
            _ => Self::Other,
        }
    }

    /// The kind of a SEQUENCE, by its members.
    pub(super) fn of_der(der: &[u8]) -> Option<Self> {
        /// `1.2.840.113549.1.7`
        const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
        let members = members(der)?;
        let tags: Vec<u8> = members.iter().map(|(tag, _)| *tag).collect();
        match tags.as_slice() {
            [INTEGER, SEQUENCE, OCTET_STRING, ..] | [INTEGER, OCTET_STRING, ..] | [INTEGER, INTEGER, INTEGER, ..] => {
                Some(Self::PrivateKey)
            }
            [INTEGER, INTEGER] | [SEQUENCE, BIT_STRING] => Some(Self::PublicKey),
            [INTEGER, SEQUENCE, ..] if members[0].1 == [3] => Some(Self::Pkcs12),
            [SEQUENCE, OCTET_STRING] => Some(Self::EncryptedKey),
            [OBJECT_IDENTIFIER, ..] if members[0].1.starts_with(PKCS7) => Some(Self::Pkcs7),
            [SEQUENCE, SEQUENCE, BIT_STRING] if X509Certificate::from_der(der).is_ok() => Some(Self::Certificate),
            [SEQUENCE, SEQUENCE, BIT_STRING] if X509CertificationRequest::from_der(der).is_ok() => Some(Self::Request),
            [SEQUENCE, SEQUENCE, BIT_STRING] if CertificateRevocationList::from_der(der).is_ok() => {
                Some(Self::RevocationList)
            }
            _ => None,
        }
    }

    /// What it is, after "it is".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate",
            Self::Request => "a certificate signing request",
            Self::PrivateKey => "a private key",
            Self::EncryptedKey => "an encrypted private key",
            Self::PublicKey => "a public key",
            Self::Pkcs7 => "a PKCS#7 file",
            Self::Pkcs12 => "a PKCS#12 file",
            Self::RevocationList => "a certificate revocation list",
            Self::Parameters => "the parameters of a key without the key",
            Self::OpenSshKey => "a private key in the format of OpenSSH",
            Self::TpmKey => "a key that only its TPM can use",
            Self::Other => "PEM of another kind",
        }
    }
}

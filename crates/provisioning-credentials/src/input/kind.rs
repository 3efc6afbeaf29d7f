//! What a PEM block or a DER element is.

use x509_parser::{
    asn1_rs::{Any, FromDer},
    oid_registry::Oid,
};

/// The kind of an item in a file of certificates or keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Request,
    PrivateKey,
    EncryptedKey,
    /// A key that is encrypted in the traditional format of OpenSSL.
    TraditionalEncryptedKey,
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

// Tags. Those of the context, numbers too, are told from the others by their places.
const VERSION: u32 = 0;
const ATTRIBUTES: u32 = 0;
const INTEGER: u32 = 2;
const BIT_STRING: u32 = 3;
const OCTET_STRING: u32 = 4;
const OBJECT_IDENTIFIER: u32 = 6;
const SEQUENCE: u32 = 16;
const UTC_TIME: u32 = 23;
const GENERALIZED_TIME: u32 = 24;

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

    /// The kind of a DER element, by its structure.
    pub(super) fn of_der(der: &[u8]) -> Option<Self> {
        let members = members(der)?;
        let tags: Vec<u32> = members.iter().map(|member| member.tag().0).collect();
        match tags.as_slice() {
            [INTEGER, SEQUENCE, OCTET_STRING, ..] | [INTEGER, OCTET_STRING, ..] => Some(Self::PrivateKey),
            [INTEGER, INTEGER] => Some(Self::PublicKey),
            [INTEGER, INTEGER, INTEGER, ..] => Some(Self::PrivateKey),
            [INTEGER, SEQUENCE, ..] if members[0].data == [3] => Some(Self::Pkcs12),
            [SEQUENCE, OCTET_STRING] => Some(Self::EncryptedKey),
            [SEQUENCE, BIT_STRING] => Some(Self::PublicKey),
            [OBJECT_IDENTIFIER, ..]
                if Oid::new(members[0].data.into())
                    .to_id_string()
                    .starts_with("1.2.840.113549.1.7.") =>
            {
                Some(Self::Pkcs7)
            }
            [SEQUENCE, SEQUENCE, BIT_STRING] => Self::of_signed(&members[0]),
            _ => None,
        }
    }

    /// The kind of what is signed (RFC 5280, sections 4.1 and 5.1; RFC 2986, section 4). What is read is not parsed.
    fn of_signed(to_be_signed: &Any<'_>) -> Option<Self> {
        let members = members_of(to_be_signed)?;
        let tags: Vec<u32> = members.iter().map(|member| member.tag().0).collect();
        match tags.as_slice() {
            [VERSION, INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, ..]
            | [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, ..] => Some(Self::Certificate),
            [INTEGER, SEQUENCE, SEQUENCE, UTC_TIME | GENERALIZED_TIME, ..]
            | [SEQUENCE, SEQUENCE, UTC_TIME | GENERALIZED_TIME, ..] => Some(Self::RevocationList),
            [INTEGER, SEQUENCE, SEQUENCE] | [INTEGER, SEQUENCE, SEQUENCE, ATTRIBUTES] => Some(Self::Request),
            _ => None,
        }
    }

    /// The kind in words that follow "it is".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate",
            Self::Request => "a certificate signing request",
            Self::PrivateKey => "a private key",
            Self::EncryptedKey => "an encrypted private key",
            Self::TraditionalEncryptedKey => {
                "a private key that is encrypted in the traditional format of OpenSSL (DEK-Info)"
            }
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

/// The members of a SEQUENCE.
fn members(der: &[u8]) -> Option<Vec<Any<'_>>> {
    let (_, sequence) = Any::from_der(der).ok()?;
    members_of(&sequence)
}

fn members_of<'a>(sequence: &Any<'a>) -> Option<Vec<Any<'a>>> {
    let (mut rest, mut members) = (sequence.data, vec![]);
    while !rest.is_empty() {
        let (after, member) = Any::from_der(rest).ok()?;
        members.push(member);
        rest = after;
    }
    Some(members)
}

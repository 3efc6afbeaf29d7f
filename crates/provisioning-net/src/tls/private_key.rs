//! The kind of a private key, for the error of a key that cannot be used.

use std::fmt;

use provisioning_types::Secret;
use rustls_pki_types::PrivateKeyDer;
use x509_parser::asn1_rs::{Oid, Tag};

use super::{
    der::{Element, element, elements, inside, magnitude},
    public_key::PublicKey,
};

/// The smallest public exponent of RSA that every provider takes.
const COMMON_EXPONENT: &[u8] = &[1, 0, 1];

/// The kind of a private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa {
        bits: usize,
        small_exponent: bool,
        more_than_two_primes: bool,
    },
    /// On this curve, by its name or its object identifier; `None` if parameters describe the curve.
    Ec(Option<String>),
    Ed25519,
    /// In words.
    Other(String),
}

impl KeyKind {
    /// The kind of `key`; `None` if it is malformed.
    pub(super) fn of(key: &PrivateKeyDer<'_>) -> Option<Self> {
        match key {
            PrivateKeyDer::Pkcs1(key) => Self::rsa(key.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(_) => EcKey::of(key).map(|key| key.kind()),
            PrivateKeyDer::Pkcs8(pkcs8) => {
                let pkcs8 = Pkcs8::of(pkcs8.secret_pkcs8_der())?;
                let other = |words: &str| Some(Self::Other(words.to_owned()));
                match pkcs8.algorithm.as_str() {
                    "1.2.840.113549.1.1.1" => Self::rsa(pkcs8.key),
                    "1.2.840.10045.2.1" => EcKey::of(key).map(|key| key.kind()),
                    "1.3.101.112" => Some(Self::Ed25519),
                    "1.3.101.113" => other("an Ed448 key"),
                    "1.3.101.110" => other("an X25519 key, which cannot sign"),
                    "1.3.101.111" => other("an X448 key, which cannot sign"),
                    "1.2.840.113549.1.1.10" => other("an RSA-PSS key"),
                    "1.2.840.10040.4.1" => other("a DSA key"),
                    "1.2.840.113549.1.3.1" => other("a Diffie-Hellman key, which cannot sign"),
                    oid => Some(Self::Other(format!("a key of the algorithm {oid}"))),
                }
            }
            _ => None,
        }
    }

    /// The kind of a PKCS#1 key ([RFC 8017, appendix A.1.2](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.2)).
    fn rsa(key: &[u8]) -> Option<Self> {
        let mut numbers = inside(key)?.filter(|number| number.is(Tag::Integer));
        let version = numbers.next()?;
        let modulus = magnitude(&numbers.next()?);
        let exponent = magnitude(&numbers.next()?);
        let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
        Some(Self::Rsa {
            bits,
            small_exponent: exponent.len() < COMMON_EXPONENT.len(),
            more_than_two_primes: !magnitude(&version).is_empty(),
        })
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa {
                bits,
                small_exponent,
                more_than_two_primes,
            } => {
                write!(f, "an RSA key of {bits} bits")?;
                match (more_than_two_primes, small_exponent) {
                    (true, _) => f.write_str(" with more than two primes"),
                    (false, true) => f.write_str(" with a public exponent below 65537"),
                    (false, false) => Ok(()),
                }
            }
            Self::Ec(Some(curve)) => write!(f, "an EC {curve} key"),
            Self::Ec(None) => f.write_str("an EC key with the parameters of its curve instead of the curve's name"),
            Self::Ed25519 => f.write_str("an Ed25519 key"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// A PKCS#8 key ([RFC 5208](https://www.rfc-editor.org/rfc/rfc5208#section-5)).
struct Pkcs8<'a> {
    /// The object identifier of its algorithm.
    algorithm: String,
    parameters: Option<Element<'a>>,
    key: &'a [u8],
}

impl<'a> Pkcs8<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        let mut fields = inside(der)?.skip(1);
        let mut algorithm = elements(fields.next()?.contents);
        Some(Self {
            algorithm: object_identifier(&algorithm.next()?)?,
            parameters: algorithm.next(),
            key: fields.next()?.contents,
        })
    }
}

/// A private key on an elliptic curve ([RFC 5915](https://www.rfc-editor.org/rfc/rfc5915)).
pub(super) struct EcKey<'a> {
    /// In DER; `None` if parameters describe the curve.
    curve: Option<Element<'a>>,
    number: &'a [u8],
    pub(super) public_key: Option<PublicKey>,
}

impl<'a> EcKey<'a> {
    /// `None` if the key is of another kind, or malformed.
    pub(super) fn of(key: &'a PrivateKeyDer<'_>) -> Option<Self> {
        const PARAMETERS: u32 = 0;
        const PUBLIC_KEY: u32 = 1;
        let (der, parameters) = match key {
            PrivateKeyDer::Sec1(key) => (key.secret_sec1_der(), None),
            PrivateKeyDer::Pkcs8(key) => {
                let pkcs8 = Pkcs8::of(key.secret_pkcs8_der())?;
                (pkcs8.key, pkcs8.parameters)
            }
            _ => return None,
        };
        let mut fields = inside(der)?;
        let number = fields.nth(1).filter(|field| field.is(Tag::OctetString))?.contents;
        let (mut curve, mut public_key) = (parameters, None);
        for field in fields {
            let inner = elements(field.contents).next();
            match field.tag {
                PARAMETERS => curve = curve.or(inner),
                PUBLIC_KEY => public_key = inner.and_then(|bits| PublicKey::of_bits(&bits)),
                _ => {}
            }
        }
        Some(Self {
            curve: curve.filter(|curve| curve.is(Tag::Oid)),
            number,
            public_key,
        })
    }

    fn kind(&self) -> KeyKind {
        let curve = self.curve.as_ref().and_then(object_identifier);
        KeyKind::Ec(curve.map(|oid| match oid.as_str() {
            "1.2.840.10045.3.1.7" => "P-256".to_owned(),
            "1.3.132.0.34" => "P-384".to_owned(),
            "1.3.132.0.35" => "P-521".to_owned(),
            "1.3.132.0.33" => "P-224".to_owned(),
            "1.3.132.0.10" => "secp256k1".to_owned(),
            _ => format!("({oid})"),
        }))
    }

    /// The same key in SEC1, in the form that every provider reads: with the name of its curve, and with this public key,
    /// an uncompressed point. Whether the two belong together is not checked.
    pub(super) fn with_public_key(&self, point: &[u8]) -> Option<Secret> {
        const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
        const P384: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
        let curve = match (&self.curve, point.len()) {
            (Some(curve), _) => curve.raw,
            (None, 65) => P256,
            (None, 97) => P384,
            _ => return None,
        };
        let number = Secret::new(element(0x04, self.number));
        let public_key = element(0xa1, &element(0x03, &[&[0], point].concat()));
        let fields = [
            &element(0x02, &[1]),
            number.expose(),
            &element(0xa0, curve),
            &public_key,
        ];
        let fields = Secret::new(fields.concat());
        Some(Secret::new(element(0x30, fields.expose())))
    }
}

/// The numbers of an object identifier, with dots.
fn object_identifier(element: &Element<'_>) -> Option<String> {
    element
        .is(Tag::Oid)
        .then(|| Oid::new(element.contents.into()).to_id_string())
}

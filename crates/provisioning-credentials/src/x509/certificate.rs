//! The fields of a certificate that are looked at. The rest is not parsed: the service decides what it accepts.

use std::time::{Duration, SystemTime};

use x509_parser::{
    asn1_rs::{Any, Class, FromBer, FromDer, Tag},
    certificate::Validity,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name},
};

/// An X.509 certificate (RFC 5280, section 4.1).
pub(crate) struct Certificate<'a> {
    pub(crate) issuer: X509Name<'a>,
    pub(crate) subject: X509Name<'a>,
    pub(crate) public_key: SubjectPublicKeyInfo<'a>,
    pub(crate) signature_algorithm: AlgorithmIdentifier<'a>,
    validity: Validity,
    extensions: Option<Any<'a>>,
}

impl<'a> Certificate<'a> {
    /// Parses the certificate that `der` begins with.
    pub(crate) fn from_der(der: &'a [u8]) -> Option<Self> {
        const EXTENSIONS: u32 = 3;
        let (_, certificate) = sequence(der)?;
        let (rest, fields) = sequence(certificate)?;
        let (signature, signature_algorithm) = AlgorithmIdentifier::from_der(rest).ok()?;
        let (_, signature) = Any::from_der(signature).ok()?;
        signature.tag().assert_eq(Tag::BitString).ok()?;
        // The version may be absent.
        let (rest, first) = element(fields)?;
        let fields = match first.class() {
            Class::ContextSpecific => rest,
            _ => fields,
        };
        let (fields, serial_number) = element(fields)?;
        serial_number.tag().assert_eq(Tag::Integer).ok()?;
        let (fields, _) = AlgorithmIdentifier::from_der(fields).ok()?;
        let (fields, issuer) = X509Name::from_der(fields).ok()?;
        let (fields, validity) = Validity::from_der(fields).ok()?;
        let (fields, subject) = X509Name::from_der(fields).ok()?;
        let (fields, public_key) = SubjectPublicKeyInfo::from_der(fields).ok()?;
        let extensions = elements(fields).find(|field| field.tag().0 == EXTENSIONS);
        Some(Self {
            issuer,
            subject,
            public_key,
            signature_algorithm,
            validity,
            extensions,
        })
    }

    /// From when it is valid. Before 1970 for some.
    pub(crate) fn not_before(&self) -> SystemTime {
        system_time(self.validity.not_before.timestamp())
    }

    /// Until when it is valid.
    pub(crate) fn not_after(&self) -> SystemTime {
        system_time(self.validity.not_after.timestamp())
    }

    /// Whether it is for digital signatures; `None` if it does not say what it is for.
    pub(crate) fn is_for_signatures(&self) -> Option<bool> {
        const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
        let (_, usage) = Any::from_der(self.extension(KEY_USAGE)?).ok()?;
        match usage.data {
            [_unused_bits, bits, ..] => Some(bits & 0x80 != 0),
            _ => Some(false),
        }
    }

    /// Whether it is for client authentication, or for every purpose; `None` if it does not say what it is for.
    pub(crate) fn is_for_clients(&self) -> Option<bool> {
        const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
        const ANY: &[u8] = &[0x55, 0x1d, 37, 0];
        const CLIENT_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
        let (_, purposes) = sequence(self.extension(EXTENDED_KEY_USAGE)?)?;
        Some(elements(purposes).any(|purpose| [ANY, CLIENT_AUTHENTICATION].contains(&purpose.data)))
    }

    /// The value of the extension with this object identifier.
    fn extension(&self, id: &[u8]) -> Option<&'a [u8]> {
        let (_, extensions) = sequence(self.extensions.as_ref()?.data)?;
        elements(extensions).find_map(|extension| {
            let mut fields = elements(extension.data);
            fields.next().filter(|field| field.data == id)?;
            // Behind it may be whether it is critical.
            fields.last().map(|value| value.data)
        })
    }
}

/// `seconds` since 1970; negative before 1970.
fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What follows a SEQUENCE, and its contents.
fn sequence(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, any) = Any::from_der(bytes).ok()?;
    any.tag().assert_eq(Tag::Sequence).ok()?;
    Some((rest, any.data))
}

/// What follows an element, and the element. Numbers of some CAs are not DER.
fn element(bytes: &[u8]) -> Option<(&[u8], Any<'_>)> {
    Any::from_ber(bytes).ok()
}

fn elements(mut bytes: &[u8]) -> impl Iterator<Item = Any<'_>> {
    std::iter::from_fn(move || {
        let (rest, any) = element(bytes)?;
        bytes = rest;
        Some(any)
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, KeyPair};

    use super::*;
    use crate::testing::named;

    #[test]
    fn usages_are_read_beside_an_extension_that_cannot_be_parsed() {
        let mut params = named(Some("device-1"));
        let mut strange = CustomExtension::from_oid_content(&[2, 5, 29, 31], vec![1, 2, 3]);
        strange.set_criticality(true);
        params.custom_extensions = vec![strange];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params
            .self_signed(&KeyPair::generate().expect("a key"))
            .expect("signed");
        let certificate = Certificate::from_der(certificate.der()).expect("a certificate");
        assert_eq!(certificate.is_for_clients(), Some(false));
        assert_eq!(certificate.is_for_signatures(), None);
    }

    #[test]
    fn a_certificate_that_is_cut_off_is_none() {
        let certificate = named(Some("device-1")).self_signed(&KeyPair::generate().expect("a key"));
        let der = certificate.expect("signed").der().to_vec();
        assert!(Certificate::from_der(&der).is_some());
        for length in 0..der.len() {
            assert!(Certificate::from_der(&der[..length]).is_none(), "{length}");
        }
    }
}

//! The common name in a subject, whatever type of string it has.

use x509_parser::{asn1_rs::Tag, x509::X509Name};

/// The first common name; `None` without one, or if its bytes are not text of their type.
pub(crate) fn common_name(name: &X509Name<'_>) -> Option<String> {
    let value = name.iter_common_name().next()?.attr_value();
    let bytes = value.data;
    match value.tag() {
        Tag::BmpString => {
            let units = bytes
                .chunks(2)
                .map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
            String::from_utf16(&units.collect::<Option<Vec<_>>>()?).ok()
        }
        Tag::UniversalString => {
            let chars = bytes
                .chunks(4)
                .map(|four| char::from_u32(u32::from_be_bytes(four.try_into().ok()?)));
            chars.collect()
        }
        // A TeletexString is Latin-1 in practice.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DistinguishedName, DnType, DnValue, KeyPair,
        string::{BmpString, Ia5String, PrintableString, TeletexString, UniversalString},
    };

    use super::*;
    use crate::x509::certificate::Certificate;

    #[test]
    fn a_common_name_of_each_type_of_string_is_read() {
        let name = "device-1";
        for value in [
            DnValue::Utf8String(name.to_owned()),
            DnValue::PrintableString(PrintableString::try_from(name).expect("text")),
            DnValue::Ia5String(Ia5String::try_from(name).expect("text")),
            DnValue::TeletexString(TeletexString::try_from(name).expect("text")),
            DnValue::BmpString(BmpString::try_from(name).expect("text")),
            DnValue::UniversalString(UniversalString::try_from(name).expect("text")),
        ] {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, value);
            let certificate = params
                .self_signed(&KeyPair::generate().expect("a key"))
                .expect("a certificate");
            let certificate = Certificate::from_der(certificate.der()).expect("a certificate");
            assert_eq!(common_name(&certificate.subject).as_deref(), Some(name));
        }
    }
}

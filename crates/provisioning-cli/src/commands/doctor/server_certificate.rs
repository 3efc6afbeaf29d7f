//! Reads the issuer of a server's certificate.

use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// How much of a name is shown. The peer chose it.
const MAX_SHOWN_CHARS: usize = 100;

/// The name of the CA that issued `certificate` (DER), in quotes.
pub(crate) fn issuer(certificate: Option<&[u8]>) -> String {
    let parsed = certificate.and_then(|der| X509Certificate::from_der(der).ok());
    parsed.map_or_else(
        || "an unknown CA".to_owned(),
        |(_, certificate)| quoted(certificate.issuer()),
    )
}

/// The common name of a name.
pub(crate) fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().next()?.as_str().ok()
}

fn quoted(issuer: &X509Name<'_>) -> String {
    let organization = issuer.iter_organization().next().and_then(|name| name.as_str().ok());
    let shown = match (common_name(issuer), organization) {
        (Some(name), Some(organization)) => format!("{name} ({organization})"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => issuer.to_string(),
    };
    let shown: String = shown.chars().take(MAX_SHOWN_CHARS).collect();
    format!("\"{shown}\"")
}

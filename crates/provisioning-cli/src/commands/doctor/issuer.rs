//! The name of the CA that issued a certificate.

use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// The name of the CA that issued `certificate` (DER), in quotes.
pub(crate) fn name(certificate: Option<&[u8]>) -> String {
    let parsed = certificate.and_then(|der| X509Certificate::from_der(der).ok());
    parsed.map_or_else(
        || "an unknown CA".to_owned(),
        |(_, certificate)| quoted(certificate.issuer()),
    )
}

fn quoted(issuer: &X509Name<'_>) -> String {
    let common_name = issuer.iter_common_name().next().and_then(|name| name.as_str().ok());
    let organization = issuer.iter_organization().next().and_then(|name| name.as_str().ok());
    let shown = match (common_name, organization) {
        (Some(name), Some(organization)) => format!("{name} ({organization})"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => issuer.to_string(),
    };
    format!("\"{shown}\"")
}
